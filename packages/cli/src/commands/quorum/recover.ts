/**
 * `odradek quorum recover --from-survivor`: a stopped controller that is left becomes the only voter, when most of the voters are lost for
 * good. Shows first what that means; changes something only with `--yes`.
 */
import { Command } from 'commander';
import { recoveryLines } from '../../core/cluster/recovery.ts';
import { collectEach } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import { recoverBeside, type RecoveryOptions } from '../../shell/recover-process.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { readTextFile } from '../../shell/text-file.ts';

type Options = RecoveryOptions & { fromSurvivor?: boolean; json?: boolean };

export function recoverCommand(): Command {
  return new Command('recover')
    .description(
      'the last resort: a controller that is left becomes the only voter, when most voters are lost for good',
    )
    .option('--from-survivor', 'go on from what this node has; records that only lost voters had are gone')
    .option('--config <file>', "the stopped node's properties file, as `odradek start` takes it")
    .option('--override <key=value...>', 'as for `odradek start`', collectEach, [])
    .option('--yes', 'do it; without this only what would be done is shown')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => recover(options));
}

const EXAMPLES = `
The node must be stopped, and so must all others: two quorums of one cluster would part for good. If several controllers are left, take
the one whose report shows the highest epoch, and of those the one that has kept the most.

Examples:
  $ odradek quorum recover --from-survivor --config server.properties
  $ odradek quorum recover --from-survivor --config server.properties --yes`;

async function recover(options: Options): Promise<void> {
  if (options.fromSurvivor !== true) {
    throw usageError('say what to recover from: --from-survivor goes on from the controller of --config alone');
  }
  // Told here, in the words of this command.
  if (options.config !== undefined) readTextFile('--config', options.config);
  const recovered = await recoverBeside(options);
  if (!recovered.ok) throw new CommandError(`cannot recover: ${recovered.why}`);
  const { ok: _ok, ...recovery } = recovered;
  if (options.json === true) printJson(recovery);
  else print(recoveryLines(recovery).map(tame).join('\n'));
}
