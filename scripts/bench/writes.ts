/** Idempotent writes at a steady pace through librdkafka, each acknowledgement as it comes, and in the end what became of every record. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from '@odradek/testkit/process';
import { confluentPython } from '../../test/support/python.ts';
import { root } from '../../test/support/run.ts';

export type WritesOptions = {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  /** Records a second over all partitions. */
  readonly rate: number;
  /** After which an unanswered request counts as lost: the client's default is a minute. */
  readonly socketTimeoutMs?: number;
  /** The longest that it waits until it dials a node again: by default 10 s, and the longer the more requests in a row were given up. */
  readonly reconnectWaitMaxMs?: number;
};

export type Verdict = {
  readonly sent: number;
  readonly acknowledged: number;
  /** Acknowledged and not at its offset. */
  readonly lost: number;
  readonly duplicated: number;
  readonly disordered: number;
  /** What the application of the client was told with an error, or never. */
  readonly failed: number;
};

type Gap = { readonly partition: number; readonly ms: number };

const VERDICT_WITHIN_MS = 300_000;

export class Writes {
  readonly errors: string[] = [];
  readonly #child: ChildProcess;
  /** For each partition when a record was acknowledged, in milliseconds of the wall clock. */
  readonly #acks: number[][];
  /** Of the same acknowledgements, in milliseconds since the record was due. */
  readonly #waits: number[][];
  readonly #ended: Promise<number | null>;
  #last = '';
  #said = '';

  constructor({ bootstrap, topic, partitions, rate, ...patience }: WritesOptions) {
    const python = confluentPython();
    if (python.use === undefined) throw new Error(`the writes need librdkafka: ${python.missing}`);
    this.#acks = Array.from({ length: partitions }, () => []);
    this.#waits = Array.from({ length: partitions }, () => []);
    const numbers = ['--rate', String(rate), '--partitions', String(partitions)];
    const { socketTimeoutMs, reconnectWaitMaxMs } = patience;
    if (socketTimeoutMs !== undefined) numbers.push('--socket-timeout', String(socketTimeoutMs));
    if (reconnectWaitMaxMs !== undefined) numbers.push('--reconnect-wait-max', String(reconnectWaitMaxMs));
    const child = spawn(python.use, [`${root}test/bench/python/writes.py`, bootstrap, topic, ...numbers]);
    this.#child = child;
    endWithThisProcess(child);
    child.stderr.on('data', (part: Buffer) => (this.#said = (this.#said + part.toString()).slice(-100_000)));
    createInterface(child.stdout).on('line', (line) => this.#take(line));
    this.#ended = new Promise((resolve) => child.once('close', resolve));
  }

  /** When each partition had its last acknowledgement; -Infinity before the first. */
  lastAcks(): number[] {
    return this.#acks.map((times) => times.at(-1) ?? -Infinity);
  }

  /** The longest time without an acknowledgement of each partition that touches this span of the wall clock. */
  gaps(fromMs: number, toMs: number): Gap[] {
    return this.#acks.map((times, partition) => {
      let ms = 0;
      for (let at = 1; at < times.length; at += 1) {
        const [before = 0, now = 0] = [times[at - 1], times[at]];
        if (now >= fromMs && before <= toMs) ms = Math.max(ms, now - before);
      }
      return { partition, ms };
    });
  }

  /** How long the acknowledgements of this span of the wall clock had been waited for, in milliseconds. */
  waits(fromMs: number, toMs: number): number[] {
    return this.#acks.flatMap((times, partition) =>
      times.flatMap((time, at) => (time >= fromMs && time <= toMs ? [this.#waits[partition]?.[at] ?? Number.NaN] : [])),
    );
  }

  /** Sends no more. @returns what became of every record, when all partitions have been read */
  async end(): Promise<Verdict> {
    this.#child.stdin?.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), VERDICT_WITHIN_MS);
    const code = await this.#ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the writes ended with ${code ?? 'a signal'}\n${this.#said}`);
    return JSON.parse(this.#last) as Verdict;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #take(line: string): void {
    this.#last = line;
    const [kind, partition = '', ...rest] = line.split(' ');
    if (kind === 'ack') {
      this.#acks[Number(partition)]?.push(Number(rest[0]));
      this.#waits[Number(partition)]?.push(Number(rest[1]));
    }
    if (kind === 'error') this.errors.push(`partition ${partition}: ${rest.join(' ')}`);
  }
}
