/** The private network does what the chaos tests say of it: what is cut is lost in that direction only, silently, until it is healed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { expect, test } from 'vitest';
import { networkNamespaces } from './network.ts';
import { title } from './run.ts';
import { eventually } from './target.ts';

const PORT = 7_000;

/** A host that says hello to whom it is told, and tells who said hello to it. */
const host = `
  const socket = require('node:dgram').createSocket('udp4');
  const heard = [];
  socket.on('message', (bytes, from) => {
    const [word, address] = bytes.toString().split(' ');
    if (word === 'greet') socket.send('hello', ${PORT}, address);
    else if (word === 'hello') heard.push(from.address);
    else socket.send(heard.join(' ') + ' ok', from.port, from.address);
  });
  socket.bind(${PORT});
`;

const network = networkNamespaces();

test.skipIf(network.missing !== undefined)(
  title('a private network: a cut loses what goes one way, the other way works, and healing mends it', network),
  async () => {
    await using cables = await network.use?.();
    if (cables === undefined) return;
    const hosts = [await cables.addHost(), await cables.addHost()] as const;
    const [one, two] = hosts.map((each) => cables.address(each)) as [string, string];
    const processes = hosts.map((each) => {
      const [file, ...args] = [...cables.launcher(each), process.execPath, '-e', host];
      return spawn(file, args, { stdio: 'ignore' });
    });
    await using ask = asker();
    try {
      const hears = async (at: string, from: string): Promise<boolean> => {
        const before = count(await ask.of(at), from);
        await ask.tell(from, `greet ${at}`);
        const deadline = performance.now() + 400;
        while (performance.now() < deadline) if (count(await ask.of(at), from) > before) return true;
        return false;
      };
      for (const at of [one, two]) await eventually(`${at} runs`, async () => (await ask.of(at)) !== undefined);
      expect([await hears(two, one), await hears(one, two)]).toEqual([true, true]);
      await cables.cut([hosts[0], hosts[1]]);
      expect([await hears(two, one), await hears(one, two)]).toEqual([false, true]);
      await cables.cut([hosts[0], hosts[1]], [hosts[1], hosts[0]]);
      expect([await hears(two, one), await hears(one, two)]).toEqual([false, false]);
      await cables.heal();
      expect([await hears(two, one), await hears(one, two)]).toEqual([true, true]);
    } finally {
      await Promise.all(processes.map(ended));
    }
  },
);

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}

const count = (heard: string | undefined, address: string): number =>
  heard?.split(' ').filter((each) => each === address).length ?? 0;

/** From outside of the hosts, over the bridge. */
function asker() {
  const socket = createSocket('udp4');
  return {
    tell: (to: string, text: string) =>
      new Promise<void>((resolve) => {
        socket.send(text, PORT, to, () => resolve());
      }),
    /** @returns undefined when it does not answer soon */
    of: (to: string) =>
      new Promise<string | undefined>((resolve) => {
        const late = setTimeout(() => done(undefined), 100);
        const done = (text: string | undefined): void => {
          clearTimeout(late);
          socket.off('message', take);
          resolve(text);
        };
        const take = (bytes: Buffer): void => done(bytes.toString());
        socket.on('message', take);
        socket.send('heard?', PORT, to);
      }),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  };
}
