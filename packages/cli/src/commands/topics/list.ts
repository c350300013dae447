/** `odradek topics list`: the names, sorted, one a line. */
import type { Command } from 'commander';
import { ApiKey, type ResponseOf } from '@odradek/protocol';
import { topicPattern } from '../../core/offset-filters.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { adminCommand, withAdmin, type CommonOptions } from './common.ts';

type Options = CommonOptions & { excludeInternal?: boolean; topic?: string };
export type Metadata = ResponseOf<typeof ApiKey.Metadata>;

export function listCommand(): Command {
  return adminCommand('list', 'list the names of topics')
    .option('-t, --topic <regex>', 'only names that are of this pattern as a whole')
    .option('--exclude-internal', 'leave out topics of the cluster itself')
    .addHelpText('after', '\nExample:\n  $ odradek topics list --exclude-internal --json')
    .action((options: Options) => list(options));
}

async function list(options: Options): Promise<void> {
  const metadata = await withAdmin(options, (admin) =>
    admin.call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false }),
  );
  const isWanted = options.topic === undefined ? () => true : topicPattern('--topic', options.topic);
  const topics = metadata.topics
    .filter(({ name, isInternal }) => isWanted(name ?? '') && !(options.excludeInternal === true && isInternal))
    .toSorted((left, right) => ((left.name ?? '') < (right.name ?? '') ? -1 : 1));
  if (options.json === true) {
    printJson(
      topics.map(({ name, topicId, isInternal, partitions }) => ({
        name,
        topicId,
        internal: isInternal,
        partitions: partitions.length,
      })),
    );
    return;
  }
  for (const { name } of topics) print(name ?? '');
}
