/** A console client that runs beside a test: lines in, lines out. It may be a script around a program: signals reach both. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const ERRORS_MAX = 20_000;

export class LineProcess implements AsyncDisposable {
  /** What it wrote to its standard output. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #errors = '';

  private constructor([file = '', ...args]: readonly string[]) {
    this.#child = spawn(file, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    const { stdin, stdout, stderr } = this.#child;
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => void this.lines.push(line));
    stderr?.on('data', (part: Buffer) => (this.#errors = (this.#errors + part.toString()).slice(-ERRORS_MAX)));
    stdin?.on('error', () => undefined); // it may have ended
  }

  static start(command: readonly string[]): LineProcess {
    return new LineProcess(command);
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** As Ctrl-C does, to all of it; resolves when all of it has ended, however. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    await this.#ended;
  }

  /** Ends its input and waits until it has done what it was told. @throws when it fails */
  async finish(): Promise<void> {
    this.#child.stdin?.end();
    const code = await this.#ended;
    if (code !== 0) throw new Error(`exit ${code ?? 'by signal'}\n${this.#errors}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    await this.#ended;
  }
}
