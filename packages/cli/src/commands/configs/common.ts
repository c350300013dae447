/** What `configs describe` and `configs alter` share: the ways to name an entity. */
import type { Command } from 'commander';
import { entityTypes, type EntityOptions } from '../../core/configs/entities.ts';
import { collectEach } from '../../core/options.ts';
import { clusterSubcommand, type ClusterOptions } from '../cluster-common.ts';

/** Commander's own values, without the names: their order counts, which single options do not tell. */
export type GivenOptions = ClusterOptions & Omit<EntityOptions, 'entityNames'>;

/** @returns the command, and the names given on its line once it is parsed: '' for `--entity-default` */
export function entityCommand(name: string, description: string): { command: Command; names: string[] } {
  const names: string[] = [];
  const command = clusterSubcommand(name, description)
    .option('--entity-type <type>', `what it is about: ${entityTypes.join(', ')}`, collectEach, [])
    .option('--entity-name <name>', 'its name: a topic, the number of a broker, a group, a user, …')
    .option('--entity-default', 'the default of all brokers, users, clients or addresses')
    .option('--topic <name>', 'a topic')
    .option('--broker <id>', 'a broker')
    .option('--broker-defaults', 'the defaults of all brokers')
    .option('--broker-logger <id>', 'the loggers of a broker')
    .option('--group <name>', 'a group')
    .option('--client-metrics <name>', 'a subscription to metrics of clients')
    .option('--user <name>', 'a user: quotas, and credentials of SCRAM')
    .option('--user-defaults', 'the defaults of all users')
    .option('--client <id>', 'a client')
    .option('--client-defaults', 'the defaults of all clients')
    .option('--ip <address>', 'an address that clients connect from')
    .option('--ip-defaults', 'the defaults of all addresses');
  command.on('option:entity-name', (value: string) => names.push(value));
  command.on('option:entity-default', () => names.push(''));
  return { command, names };
}
