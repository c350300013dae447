/** The data directories of a node, looked at and formatted by the server's own code: the command line knows nothing of them. */
import { CommandError } from '../core/refusal.ts';
import { askBeside } from './server-process.ts';

const DOOR = '@odradek/server/storage';

export type NodeFiles = { readonly config: string; readonly override: readonly string[] };
export type StorageInfo = {
  readonly found: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
};
export type Formatted = {
  readonly formatted: readonly { readonly path: string; readonly kind: 'data' | 'metadata' }[];
  readonly needsStandalone: boolean;
};
type Told<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly why: string };

export async function infoBeside(files: NodeFiles): Promise<StorageInfo> {
  return done((await askBeside(DOOR, ['info', ...argumentsOf(files)])) as Told<StorageInfo>);
}

export async function formatBeside(
  files: NodeFiles,
  how: { readonly clusterId: string; readonly standalone: boolean; readonly ignoreFormatted: boolean },
): Promise<Formatted> {
  const flags = [
    // One word: an id may begin with a dash.
    `--cluster-id=${how.clusterId}`,
    ...(how.standalone ? ['--standalone'] : []),
    ...(how.ignoreFormatted ? ['--ignore-formatted'] : []),
  ];
  return done((await askBeside(DOOR, ['format', ...argumentsOf(files), ...flags])) as Told<Formatted>);
}

function argumentsOf({ config, override }: NodeFiles): string[] {
  return [`--config=${config}`, ...override.map((each) => `--override=${each}`)];
}

function done<T>(told: Told<T>): T {
  if (!told.ok) throw new CommandError(told.why);
  return told;
}
