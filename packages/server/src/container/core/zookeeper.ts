/** What is left of ZooKeeper in a configuration: harmless beside KRaft's, else a cluster that cannot be had. */
import type { Environment } from '@odradek/base';
import { said } from './gathered.ts';
import type { Gathered } from './gathered.ts';

const kraftKeys = ['process.roles', 'controller.quorum.voters', 'controller.quorum.bootstrap.servers'];

export function checkZooKeeper(environment: Environment, gathered: Gathered): void {
  const variables = Object.keys(environment)
    .filter((name) => /^KAFKA_(CFG_)?ZOOKEEPER_/.test(name) && (environment[name] ?? '') !== '')
    .toSorted();
  const isRefused = /^(no|false)$/i.test(environment['KAFKA_ENABLE_KRAFT'] ?? '');
  const connects = variables.some((name) => name.endsWith('ZOOKEEPER_CONNECT'));
  const isKraft =
    kraftKeys.some((name) => (said(gathered, name) ?? '') !== '') ||
    'ODRADEK_CONTROLLERS' in environment ||
    /^(yes|true|1)$/i.test(environment['KAFKA_ENABLE_KRAFT'] ?? '');
  if (isRefused || (connects && !isKraft)) {
    const names = isRefused ? ['KAFKA_ENABLE_KRAFT=no', ...variables] : variables;
    gathered.problems.push(
      `${names.join(', ')}: there is no ZooKeeper any more, neither in Kafka 4 nor here, the brokers keep the metadata themselves. ` +
        'Take these variables and the ZooKeeper container out. One broker alone needs nothing instead; several need, each, ' +
        'KAFKA_NODE_ID, KAFKA_PROCESS_ROLES=broker,controller, a listener CONTROLLER://:9093 with KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER, ' +
        'and KAFKA_CONTROLLER_QUORUM_VOTERS=1@HOST1:9093,2@HOST2:9093,3@HOST3:9093',
    );
    return;
  }
  if (variables.length > 0) gathered.notes.push(`${variables.join(', ')}: ignored, there is no ZooKeeper any more`);
}
