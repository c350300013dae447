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
    else socket.send([word, ...heard].join(' '), from.port, from.address);
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
        // Once the one has answered after the greeting, it has said hello; that comes to the other before our question does, or never.
        await ask.of(from);
        return count(await ask.of(at), from) > before;
      };
      // A way that is open may have to be found first.
      const isOpen = (at: string, from: string): Promise<void> =>
        eventually(`${at} hears ${from}`, () => hears(at, from));
      await isOpen(two, one);
      await isOpen(one, two);
      await cables.cut([hosts[0], hosts[1]]);
      expect(await hears(two, one)).toBe(false);
      await isOpen(one, two);
      await cables.cut([hosts[0], hosts[1]], [hosts[1], hosts[0]]);
      expect([await hears(two, one), await hears(one, two)]).toEqual([false, false]);
      await cables.heal();
      await isOpen(two, one);
      await isOpen(one, two);
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

const count = (heard: readonly string[], address: string): number => heard.filter((each) => each === address).length;

/** How long an answer is waited for before the same is asked again: a host may not run yet. */
const AGAIN_MS = 500;

/** From outside of the hosts, over the bridge. */
function asker() {
  const socket = createSocket('udp4');
  let asked = 0;
  /** @returns undefined when it does not answer soon */
  const once = (to: string) =>
    new Promise<readonly string[] | undefined>((resolve) => {
      asked += 1;
      const question = `heard-${asked}`;
      const late = setTimeout(() => done(undefined), AGAIN_MS);
      const done = (heard: readonly string[] | undefined): void => {
        clearTimeout(late);
        socket.off('message', take);
        resolve(heard);
      };
      const take = (bytes: Buffer): void => {
        const [answered, ...heard] = bytes.toString().split(' ');
        if (answered === question) done(heard);
      };
      socket.on('message', take);
      socket.send(question, PORT, to);
    });
  return {
    tell: (to: string, text: string) =>
      new Promise<void>((resolve) => {
        socket.send(text, PORT, to, () => resolve());
      }),
    /** @returns from whom a host has heard, in order */
    of: async (to: string): Promise<readonly string[]> => {
      let heard: readonly string[] | undefined;
      await eventually(`${to} answers`, async () => (heard = await once(to)) !== undefined);
      return heard ?? [];
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  };
}
