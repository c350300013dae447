/** Recovery of a quorum in a process of the server's code, as `odradek start` is: the command line itself knows nothing of a node's directories. */
import type { Recovery } from '../core/cluster/recovery.ts';
import { askBeside } from './server-process.ts';

export type RecoveryOptions = {
  /** A properties file. */
  readonly config?: string;
  /** `key=value` each. */
  readonly override: readonly string[];
  readonly yes?: boolean;
};

export type RecoveryTold = ({ readonly ok: true } & Recovery) | { readonly ok: false; readonly why: string };

export function recoverBeside({ config, override, yes }: RecoveryOptions): Promise<RecoveryTold> {
  return askBeside('@odradek/server/recover', [
    ...(config === undefined ? [] : ['--config', config]),
    ...override.flatMap((each) => ['--override', each]),
    ...(yes === true ? ['--yes'] : []),
  ]) as Promise<RecoveryTold>;
}
