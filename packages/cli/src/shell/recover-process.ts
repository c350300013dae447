/** Recovery of a quorum in a process of the server's code, as `odradek start` is: the command line itself knows nothing of a node's directories. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Recovery } from '../core/cluster/recovery.ts';

export type RecoveryOptions = {
  /** A properties file. */
  readonly config?: string;
  /** `key=value` each. */
  readonly override: readonly string[];
  readonly yes?: boolean;
};

export type RecoveryTold = ({ readonly ok: true } & Recovery) | { readonly ok: false; readonly why: string };

export async function recoverBeside({ config, override, yes }: RecoveryOptions): Promise<RecoveryTold> {
  const main = fileURLToPath(import.meta.resolve('@odradek/server/recover'));
  const args = [
    ...(config === undefined ? [] : ['--config', config]),
    ...override.flatMap((each) => ['--override', each]),
    ...(yes === true ? ['--yes'] : []),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, main, ...args]);
  return JSON.parse(stdout) as RecoveryTold;
}
