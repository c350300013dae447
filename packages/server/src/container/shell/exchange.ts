/** One question over TCP and its answer, for checks that load no client. */
import { connect } from 'node:net';
import { metadataRequest, readMetadataAnswer } from '../core/probe.ts';
import type { ProbeAnswer } from '../core/probe.ts';

export type Address = { readonly address: string; readonly port: number };

/** @returns what `read` made of the bytes once it had enough, or why there are none */
export function exchange<T>(
  { address, port }: Address,
  request: Buffer,
  deadlineMs: number,
  read: (received: Buffer) => T | undefined,
): Promise<T | string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let received = Buffer.alloc(0);
    const done = (result: T | string): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(result);
    };
    const late = setTimeout(() => done(`no answer within ${deadlineMs} ms`), deadlineMs);
    socket.on('connect', () => socket.write(request));
    socket.on('error', (error) => done(error.message));
    socket.on('close', () => done('closed without an answer'));
    socket.on('data', (part: Buffer) => {
      received = Buffer.concat([received, part]);
      const result = read(received);
      if (result !== undefined) done(result);
    });
  });
}

/** A Metadata call. */
export async function askMetadata(
  at: Address,
  deadlineMs: number,
): Promise<Exclude<ProbeAnswer, { kind: 'incomplete' }>> {
  const answer = await exchange(at, metadataRequest('odradek-health'), deadlineMs, (received) => {
    const told = readMetadataAnswer(received);
    return told.kind === 'incomplete' ? undefined : told;
  });
  return typeof answer === 'string' ? { kind: 'unhealthy', why: answer } : answer;
}
