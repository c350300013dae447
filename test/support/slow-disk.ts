/**
 * A disk (a file with a file system of its own) that only chosen processes see and that can be made slow: it is frozen most of the time, so
 * that writes and syncs wait, as on a disk that stalls. It lives in a mount namespace that a shell of its own holds, which also does the
 * freezing: it never ends on a frozen disk, however the test ends. Only root can make one.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { found, missing, must, type Found } from './run.ts';

const MOUNTED_WITHIN_MS = 20_000;
const FROZEN_SECONDS = 0.15;
const THAWED_SECONDS = 0.05;

/**
 * What the holder does: lines on its input say `slow` and `fast`, the end of the input ends it. Every freeze is followed by its thaw.
 * $0: mount point, $1: image
 */
const HOLDER = `
mount -o loop "$1" "$0" || exit 1
mode=fast
echo mounted
while :; do
  if [ $mode = fast ]; then
    read -r mode || break
  else
    read -r -t 0.001 next; code=$?
    if [ $code -eq 0 ]; then mode=$next; elif [ $code -le 128 ]; then break; fi
    [ $mode = slow ] && { fsfreeze -f "$0"; sleep ${FROZEN_SECONDS}; fsfreeze -u "$0"; sleep ${THAWED_SECONDS}; }
  fi
  echo "$mode"
done
`;

/** Whether this user may make such a disk, tried out. */
export function slowDisks(): Found<(path: string, megabytes: number) => Promise<SlowDisk>> {
  const image = join(tmpdir(), `odradek-slow-disk-${process.pid}`);
  const script =
    'truncate -s 4m "$0" && mkfs.ext4 -q "$0" && mount -o loop "$0" /mnt && fsfreeze -f /mnt && fsfreeze -u /mnt';
  const tried = spawnSync('unshare', ['-m', 'sh', '-c', script, image]);
  rmSync(image, { force: true });
  if (tried.status !== 0)
    return missing('this user may not mount and freeze a file system (mkfs.ext4, mount -o loop, fsfreeze)');
  return found((path, megabytes) => SlowDisk.create(path, megabytes));
}

export class SlowDisk implements AsyncDisposable {
  /** Where the chosen processes see it. */
  readonly path: string;
  readonly #image: string;
  readonly #holder: ChildProcess;
  #said: () => void = () => undefined;
  #last = '';

  private constructor(path: string, image: string, holder: ChildProcess) {
    this.path = path;
    this.#image = image;
    this.#holder = holder;
    holder.stdout?.on('data', (part: Buffer) => {
      this.#last = part.toString().trim().split('\n').at(-1) ?? '';
      this.#said();
    });
  }

  /** @param path a directory that is made here, stays empty for everybody else, and is removed at the end */
  static async create(path: string, megabytes: number): Promise<SlowDisk> {
    mkdirSync(path, { recursive: true });
    const image = `${path}.img`;
    await must(['sh', '-ec', `truncate -s ${megabytes}m "$0" && mkfs.ext4 -q "$0"`, image]);
    const holder = spawn('unshare', ['-m', 'bash', '-c', HOLDER, path, image], { stdio: ['pipe', 'pipe', 'inherit'] });
    const disk = new SlowDisk(path, image, holder);
    await disk.#until('mounted');
    return disk;
  }

  /** What a command begins with to see the disk; the process that is started becomes the command itself. */
  launcher(): string[] {
    return ['nsenter', '-t', String(this.#holder.pid), '-m', '--'];
  }

  async slow(): Promise<void> {
    await this.#tell('slow');
  }

  async fast(): Promise<void> {
    await this.#tell('fast');
  }

  /** The processes on it must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#holder.once('close', () => resolve()));
    this.#holder.stdin?.end();
    await ended;
    rmSync(this.path, { recursive: true, force: true });
    rmSync(this.#image, { force: true });
  }

  async #tell(mode: 'slow' | 'fast'): Promise<void> {
    this.#last = '';
    this.#holder.stdin?.write(`${mode}\n`);
    await this.#until(mode);
  }

  async #until(word: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the disk on ${this.path} is not ${word}`)), MOUNTED_WITHIN_MS);
      const look = (): void => {
        if (this.#last !== word) return;
        clearTimeout(late);
        this.#said = () => undefined;
        resolve();
      };
      this.#said = look;
      look();
    });
  }
}
