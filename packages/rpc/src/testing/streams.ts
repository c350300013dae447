/** What tests do with streams of the echo service, on either side. */
import type { Ending, StreamClient, Target } from '../ports.ts';
import { echoService } from './echo.ts';
import type { EchoMessage, EchoStream } from './echo.ts';

export const echo = (id: number, payload: Buffer = Buffer.alloc(0)): EchoMessage => ({ kind: 'echo', id, payload });

export async function dialEcho(client: StreamClient, target: Target): Promise<EchoStream> {
  const dialled = await client.dial(echoService, target);
  if (!dialled.ok) throw new Error(dialled.ending.why);
  return dialled.stream;
}

/** The next messages, in order. */
export function take(stream: EchoStream, count: number): Promise<EchoMessage[]> {
  const { promise, resolve } = Promise.withResolvers<EchoMessage[]>();
  const taken: EchoMessage[] = [];
  stream.onMessage((each) => {
    taken.push(each);
    if (taken.length === count) resolve(taken);
  });
  return promise;
}

export function closedOf(stream: EchoStream): Promise<Ending> {
  return new Promise((resolve) => stream.onClosed(resolve));
}
