/** `odradek groups explain`: why a group rebalanced. Told by coordinators of this project alone. */
import type { Command } from 'commander';
import { storyJson, tellStory, type Explained } from '../../core/groups/explain.ts';
import { groupRefused } from '../../core/groups/refusals.ts';
import { parseWhole } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import type { Cluster } from '../../shell/cluster.ts';
import { explainGroups } from '../../shell/group-queries.ts';
import { paint, print, printJson } from '../../shell/terminal.ts';
import { collectEach, failWith, groupsSubcommand, withCluster, type ClusterOptions } from './common.ts';

type Options = ClusterOptions & { group: string[]; limit?: string };

const LIMIT_MAX = 2_147_483_647;
const NO_LIMIT = -1;

export function explainCommand(): Command {
  return groupsSubcommand('explain', 'tell the last rebalances of groups: when, who, why, and what took how long')
    .argument('[group...]', 'groups to explain')
    .option('-g, --group <name...>', 'the same as an option', collectEach, [])
    .option('--limit <n>', 'only the last n rebalances; all that are kept when left out')
    .addHelpText('after', EXAMPLES)
    .action((named: string[], options: Options) => explain([...named, ...options.group], options));
}

const EXAMPLES = `
The coordinator keeps the history in memory: it begins when the coordinator took the group over. Times are UTC.

Examples:
  $ odradek groups explain billing
  $ odradek groups explain billing --limit 1
  $ odradek groups explain billing --json`;

async function explain(named: readonly string[], options: Options): Promise<void> {
  if (named.length === 0) throw usageError('name the group: odradek groups explain GROUP');
  const limit = options.limit === undefined ? NO_LIMIT : parseWhole('--limit', options.limit, 1, LIMIT_MAX);
  const ids = [...new Set(named)];
  const outcomes = await withCluster(options, (cluster) => historiesOf(cluster, ids, limit));
  const told: Explained[] = [];
  const failures: string[] = [];
  for (const groupId of ids) {
    const outcome = outcomes.get(groupId);
    if (outcome?.ok === true) told.push(outcome.value);
    else if (outcome !== undefined) failures.push(groupRefused('explain', groupId, outcome));
  }
  if (options.json === true) printJson(told.map(storyJson));
  else if (told.length > 0) print(told.map((group) => tellStory(group, paint).join('\n')).join('\n\n'));
  failWith(failures);
}

async function historiesOf(cluster: Cluster, ids: readonly string[], limit: number) {
  const histories = await explainGroups(cluster, ids, limit);
  if (histories !== undefined) return histories;
  const { address } = await cluster.any();
  throw new CommandError(
    `the broker at ${address} keeps no history of rebalances: only Odradek's coordinators do (API ExplainGroups); ` +
      `\`odradek groups describe --state --verbose --group ${ids[0] ?? ''}\` tells where the group stands`,
  );
}
