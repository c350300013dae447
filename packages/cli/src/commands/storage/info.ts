/** `odradek storage info`: what the data directories of a node say, as kafka-storage info. */
import { Command } from 'commander';
import { collectEach } from '../../core/options.ts';
import { CommandError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import { readNodeConfig } from '../../shell/node-config.ts';
import { infoBeside } from '../../shell/storage-process.ts';
import { print, printJson } from '../../shell/terminal.ts';

type Options = { config: string; override: string[]; json?: boolean };

export function infoCommand(): Command {
  return new Command('info')
    .description('what the data directories of a node say')
    .requiredOption('-c, --config <file>', 'the properties file of the node')
    .option('--override <key=value>', 'stronger than the file; may be repeated', collectEach, [])
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ odradek storage info --config server.properties')
    .action((options: Options) => info(options));
}

async function info(options: Options): Promise<void> {
  // What is wrong with the file is told here, before a process is begun for it.
  readNodeConfig(options.config, options.override);
  const { found, metadata, problems } = await infoBeside(options);
  if (options.json === true) {
    printJson({ directories: found, metadata: metadata ?? null, problems });
  } else {
    if (found.length > 0) print(block(found.length === 1 ? 'Found log directory:' : 'Found log directories:', found));
    if (metadata !== undefined) {
      const pairs = Object.entries(metadata).map(([key, value]) => `${key}=${value}`);
      print(tame(`Found metadata: {${pairs.join(', ')}}`));
      print('\n');
    }
    if (problems.length > 0) print(block(problems.length === 1 ? 'Found problem:' : 'Found problems:', problems));
  }
  if (problems.length > 0) throw new CommandError('not all is well with the data directories: see above');
}

function block(title: string, lines: readonly string[]): string {
  return `${[title, ...lines.map((line) => tame(`  ${line}`))].join('\n')}\n\n`;
}
