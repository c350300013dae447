/** `odradek topics delete`: exact names only, because what is deleted does not come back. */
import type { Command } from 'commander';
import { ApiKey, ErrorCode } from '@odradek/protocol';
import { UUID_ZERO } from '@odradek/base';
import { collectList } from '../../core/options.ts';
import type { AdminConnection } from '../../shell/admin-connection.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { adminCommand, refuseFailed, withAdmin, type CommonOptions } from './common.ts';

type Options = CommonOptions & { topic: string[]; ifExists?: boolean };

export function deleteCommand(): Command {
  return adminCommand('delete', 'delete topics and their records')
    .requiredOption('-t, --topic <name...>', 'topics to delete', collectList, [])
    .option('--if-exists', 'do nothing for topics that do not exist')
    .addHelpText('after', '\nExample:\n  $ odradek topics delete --topic orders --if-exists')
    .action((options: Options) => remove(options));
}

async function remove(options: Options): Promise<void> {
  const { responses } = await withAdmin(options, (admin) =>
    admin.call(ApiKey.DeleteTopics, { ...named(options.topic, admin), timeoutMs: admin.timeoutMs }),
  );
  const gone = (code: number): boolean => options.ifExists === true && code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const deleted = responses.filter(({ errorCode }) => !gone(errorCode));
  refuseFailed('delete', deleted);
  if (options.json === true) printJson(deleted.map(({ name, topicId }) => ({ name, topicId })));
  else for (const { name } of deleted) print(`Deleted topic ${name}.`);
}

/** Version 6 names topics in another field, beside their ids. */
function named(names: readonly string[], admin: AdminConnection) {
  if (admin.versionOf(ApiKey.DeleteTopics) < 6) return { topicNames: names };
  return { topics: names.map((name) => ({ name, topicId: UUID_ZERO })) };
}
