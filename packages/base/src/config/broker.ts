/** Every key of the broker and the controller: Apache Kafka 4.3.1's own, and the few that are ours (`odradek.…`). */
import { controllerKeys } from './controller.ts';
import { cleanerKeys } from './broker/cleaner.ts';
import { groupsKeys } from './broker/groups.ts';
import { logKeys } from './broker/log.ts';
import { networkKeys } from './broker/network.ts';
import { nodeKeys } from './broker/node.ts';
import { odradekKeys } from './broker/odradek.ts';
import { remoteKeys } from './broker/remote.ts';
import { replicationKeys } from './broker/replication.ts';
import { saslKeys } from './broker/sasl.ts';
import { securityKeys } from './broker/security.ts';
import { shareKeys } from './broker/share.ts';
import { streamsKeys } from './broker/streams.ts';
import { tlsKeys } from './broker/tls.ts';
import { transactionsKeys } from './broker/transactions.ts';
import type { ValueOf } from './declare.ts';

export const brokerKeys = {
  ...nodeKeys,
  ...controllerKeys,
  ...networkKeys,
  ...logKeys,
  ...cleanerKeys,
  ...replicationKeys,
  ...groupsKeys,
  ...transactionsKeys,
  ...shareKeys,
  ...streamsKeys,
  ...remoteKeys,
  ...securityKeys,
  ...saslKeys,
  ...tlsKeys,
  ...odradekKeys,
} as const;

export type BrokerKey = keyof typeof brokerKeys;
export type BrokerValue<K extends BrokerKey> = ValueOf<(typeof brokerKeys)[K]>;
