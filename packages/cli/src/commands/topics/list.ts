/** `odradek topics list`: the names, sorted, one a line. */
import type { Command } from 'commander';
import { ApiKey, type ResponseOf } from '@odradek/protocol';
import { print, printJson } from '../../shell/terminal.ts';
import { adminCommand, withAdmin, type CommonOptions } from './common.ts';

type Options = CommonOptions & { excludeInternal?: boolean };
export type Metadata = ResponseOf<typeof ApiKey.Metadata>;

export function listCommand(): Command {
  return adminCommand('list', 'list the names of topics')
    .option('--exclude-internal', 'leave out topics of the cluster itself')
    .addHelpText('after', '\nExample:\n  $ odradek topics list --exclude-internal --json')
    .action((options: Options) => list(options));
}

async function list(options: Options): Promise<void> {
  const metadata = await withAdmin(options, (admin) =>
    admin.call(ApiKey.Metadata, { topics: null, allowAutoTopicCreation: false }),
  );
  const topics = metadata.topics
    .filter(({ isInternal }) => !(options.excludeInternal === true && isInternal))
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
