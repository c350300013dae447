/**
 * `odradek groups` beside Apache Kafka's own ConsumerGroupCommand, both against one cluster: the same state gives the same lines, the same
 * plans and files that the other one reads. With ODRADEK_COMPAT_BOOTSTRAP both ask a real Kafka.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiKey, encodeAssignment, encodeSubscription, ErrorCode } from '@odradek/protocol';
import { coordinatorReady, ready } from '../support/raw-groups.ts';
import { openReader, writeAt } from '../support/reader.ts';
import { kafkaTool, must, odradek, run, title } from '../support/run.ts';
import { eventually, freshName, quickGroups, target, type Target } from '../support/target.ts';
import { createTopic, Wire } from '../support/wire.ts';

const need = kafkaTool();
const MINUTE_MS = 60_000;
/** Records lie ten minutes apart, and what looks for them by time looks in between, so that no run is too slow for it. */
const SPACING_MS = 10 * MINUTE_MS;
const RECORDS = 12;
const PARTITIONS = [0, 1, 2];

describe.skipIf(need.missing !== undefined)(title("Kafka's ConsumerGroupCommand beside odradek groups", need), () => {
  let cluster: Target;
  let wire: Wire;
  let directory: string;
  const firstMs = Date.now() - RECORDS * SPACING_MS - SPACING_MS / 2;
  const long = freshName('a-topic-whose-name-kafka-quotes-in-files');
  const short = freshName('s');

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-groups-'));
    cluster = await target(quickGroups);
    wire = await Wire.open(cluster.bootstrap);
    for (const topic of [long, short]) {
      await createTopic(wire, topic, {}, PARTITIONS.length);
      const times = Array.from({ length: RECORDS }, (_, at) => firstMs + at * SPACING_MS);
      // The last partition stays empty.
      for (const partition of PARTITIONS.slice(0, -1)) await writeAt(wire, topic, partition, times);
    }
  });

  afterAll(async () => {
    wire?.close();
    await cluster?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const theirCommand = (...args: string[]): string[] =>
    need.use?.('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', ...at(args)) ?? [];
  const at = (args: readonly string[]): string[] => ['--bootstrap-server', cluster.bootstrap, ...args];
  const theirs = (...args: string[]): Promise<string> => must(theirCommand(...args));
  const ours = (...args: string[]): Promise<string> => must(odradek('groups', ...at(args)));
  const oursOf = (command: string, ...args: string[]): Promise<string> => must(odradek('groups', command, ...at(args)));

  /**
   * The tables that are printed, whatever their order: Kafka's is that of a hash table. Its sentences, which are told in other words here
   * and on stderr, and the column that it does not have are cut off.
   */
  function lines(text: string): string[] {
    const all = text.split('\n').filter((line) => line.trim() !== '' && !/^(Warn: |Error: |Request )/.test(line));
    const own = all[0]?.indexOf('TIME-LAG') ?? -1;
    return all.map((line) => (own < 0 ? line : line.slice(0, own)).trimEnd()).toSorted();
  }

  const cells = (text: string, mine: (group: string) => boolean): string[][] =>
    lines(text)
      .map((line) => line.split(/ +/))
      .filter(([group = '']) => group === 'GROUP' || mine(group))
      .toSorted(([left = ''], [right = '']) => left.localeCompare(right));

  /** Both print the same for the same flags. */
  async function same(...args: string[]): Promise<string[]> {
    const [expected, printed] = await Promise.all([theirs(...args), ours(...args)]);
    expect(lines(printed), args.join(' ')).toEqual(lines(expected));
    return lines(printed);
  }

  type Shown = { members: number; state: string; partitions: { committedOffset: number | null; lag: number | null }[] };

  /** Until the members have come to rest with everything read and committed. */
  async function settled(group: string, members: number): Promise<void> {
    await eventually(`${group} is stable with ${members} members and no lag`, async () => {
      const { code, stdout } = await run(odradek('groups', 'describe', ...at(['--group', group, '--json'])));
      if (code !== 0) return false;
      const [shown] = JSON.parse(stdout.toString()) as Shown[];
      const read = shown?.partitions.filter(({ lag }) => lag === 0).length ?? 0;
      return shown?.state === 'Stable' && shown.members === members && read >= PARTITIONS.length - 1;
    });
  }

  test.each(['classic', 'consumer'] as const)(
    'groups of the %s protocol, an idle member included: offsets, members and state, plain and verbose',
    async (protocol) => {
      const group = freshName(`cmd-${protocol}`);
      await using members = new AsyncDisposableStack();
      for (const clientId of ['one', 'two', 'three', 'a-client-with-a-rather-long-name']) {
        members.use(await openReader(cluster.bootstrap, { clientId, group, topic: long, protocol }));
      }
      await settled(group, 4);
      for (const view of [[], ['--members'], ['--state']]) {
        for (const verbose of [[], ['--verbose']]) {
          const printed = await same('--describe', '--group', group, ...view, ...verbose);
          expect(printed.length).toBeGreaterThan(1);
        }
      }
      expect(lines(await oursOf('members', '--group', group))).toEqual(
        lines(await theirs('--describe', '--members', '--group', group)),
      );
      for (const filter of [['--state'], ['--type'], ['--state', 'Stable', '--type', protocol]]) {
        const mine = (name: string): boolean => name === group;
        const [expected, printed] = await Promise.all([theirs('--list', ...filter), ours('--list', ...filter)]);
        expect(cells(printed, mine), filter.join(' ')).toEqual(cells(expected, mine));
        expect(cells(printed, mine)).toHaveLength(2);
      }
      const refused = await run(
        odradek('groups', 'reset-offsets', ...at(['--group', group, '--all-topics', '--to-latest'])),
      );
      expect(refused.code).toBe(1);
      expect(await theirs('--reset-offsets', '--group', group, '--all-topics', '--to-latest')).toMatch(
        /Error: .*Stable/,
      );
    },
  );

  test('a static member has its instance id in a column', async () => {
    const group = freshName('cmd-static');
    const reader = { clientId: 'c', group, topic: short, protocol: 'consumer', instanceId: 'pod-7' } as const;
    await using _reader = await openReader(cluster.bootstrap, reader);
    await settled(group, 1);
    const printed = await same('--describe', '--group', group, '--members', '--verbose');
    expect(printed.join('\n')).toMatch(/GROUP-INSTANCE-ID[\s\S]*pod-7/);
  });

  test('a group in the middle of a migration: members of both protocols, and which are upgraded', async () => {
    const group = freshName('cmd-mixed');
    await joinBoth(wire, group, short);
    const printed = await same('--describe', '--group', group, '--members', '--verbose');
    expect(printed.filter((line) => line.endsWith(' UPGRADED'))).toHaveLength(1);
    expect(printed.filter((line) => / (true|false)$/.test(line))).toHaveLength(2);
    await same('--describe', '--group', group);
    await same('--describe', '--group', group, '--state', '--verbose');
  });

  test('an empty group: what is committed, its state, and no members', async () => {
    const group = freshName('cmd-empty');
    await theirs(
      '--reset-offsets',
      '--group',
      group,
      '--topic',
      long,
      '--topic',
      `${short}:1,0`,
      '--to-offset',
      '5',
      '--execute',
    );
    for (const view of [['--offsets'], ['--offsets', '--verbose'], ['--state'], ['--state', '--verbose']]) {
      await same('--describe', '--group', group, ...view);
    }
    await same('--list', '--state', 'Dead');
  });

  describe('reset-offsets', () => {
    const inBetween = (record: number): string => new Date(firstMs + (record - 0.5) * SPACING_MS).toISOString();
    const group = freshName('cmd-reset');
    const scope = ['--topic', long, '--topic', `${short}:0,2`];
    const plan = (...args: string[]): string[] => ['--reset-offsets', '--dry-run', '--group', group, ...scope, ...args];

    beforeAll(async () => {
      await theirs(...plan('--to-offset', '5').filter((arg) => arg !== '--dry-run'), '--execute');
    });

    test.each([
      [['--to-earliest']],
      [['--to-latest']],
      [['--to-current']],
      [['--to-offset', '7']],
      [['--to-offset', '0']],
      [['--to-offset', '1000']],
      [['--to-offset', '-3']],
      [['--shift-by', '3']],
      [['--shift-by', '-3']],
      [['--shift-by', '-1000']],
      [['--to-datetime', inBetween(4).replace('Z', '')]],
      [['--to-datetime', inBetween(4)]],
      [['--to-datetime', inBetween(4).replace('Z', '+00:00')]],
      [['--to-datetime', inBetween(16).replace('Z', '+02')]],
      [['--to-datetime', inBetween(RECORDS + 2)]],
      [['--by-duration', 'PT61M']],
      [['--by-duration', 'pt1h1.5s']],
      [['--by-duration', 'P1D']],
      [['--by-duration', 'PT0S']],
    ])('%j: both plan the same', async (way) => {
      const printed = await same(...plan(...way));
      expect(printed).toHaveLength(1 + PARTITIONS.length + 2);
    });

    test('--all-topics, and a group that does not exist yet: both plan the same', async () => {
      const all = await same('--reset-offsets', '--dry-run', '--group', group, '--all-topics', '--to-earliest');
      expect(all).toHaveLength(1 + PARTITIONS.length + 2);
      await same('--reset-offsets', '--dry-run', '--group', freshName('cmd-new'), '--topic', short, '--to-latest');
    });

    const names = [group, freshName('an "odd", name')];
    test.each([
      ['one group', [group]],
      ['several', names],
    ])('files of %s: each writes what the other writes, and reads it', async (_which, groups) => {
      const asked = groups.flatMap((name) => ['--group', name]);
      const exported = [...asked, ...scope, '--to-offset', '4', '--export'];
      const [expected, written] = [
        await theirs('--reset-offsets', '--execute', ...exported),
        await oursOf('reset-offsets', '--execute', ...exported),
      ];
      expect(lines(written)).toEqual(lines(expected));
      expect(lines(written)).toHaveLength(groups.length * (PARTITIONS.length + 2));
      const [fromThem, fromUs] = [join(directory, 'theirs.csv'), join(directory, 'ours.csv')];
      writeFileSync(fromThem, expected);
      writeFileSync(fromUs, written);
      for (const file of [fromThem, fromUs]) {
        await ours('--reset-offsets', ...asked, ...scope, '--to-earliest', '--execute');
        await oursOf('reset-offsets', ...asked, '--from-file', fromThem, '--execute');
        await same('--reset-offsets', '--dry-run', ...asked, '--from-file', file);
        await theirs('--reset-offsets', ...asked, ...scope, '--to-earliest', '--execute');
        await theirs('--reset-offsets', ...asked, '--from-file', fromUs, '--execute');
        const printed = await same('--describe', '--group', group);
        // Where there is a record at all.
        expect(printed.filter((line) => / 4 +12 +8 /.test(line))).toHaveLength(3);
      }
    });

    test('delete-offsets and delete: the same rows, and the same is gone', async () => {
      const named = ['--topic', `${long}:0,1`, '--topic', short];
      const deleted = await same('--delete-offsets', '--group', group, ...named);
      expect(deleted.filter((line) => line.endsWith('Successful'))).toHaveLength(2 + PARTITIONS.length);
      expect(await same('--describe', '--group', group)).toHaveLength(2);
      await oursOf('delete', '--group', group);
      expect((await theirs('--list')).split('\n')).not.toContain(group);
      expect((await ours('--list')).split('\n')).not.toContain(group);
    });
  });
});

/** A member of the classic protocol, then one of the new one: the classic one stays in what becomes a consumer group. */
async function joinBoth(wire: Wire, groupId: string, topic: string): Promise<void> {
  await coordinatorReady(wire, groupId);
  const protocols = [{ name: 'range', metadata: encodeSubscription(3, { topics: [topic] }) }];
  const times = { sessionTimeoutMs: 45_000, rebalanceTimeoutMs: 45_000 };
  const join = { groupId, protocolType: 'consumer', protocols, groupInstanceId: null, ...times };
  let joined = await ready(
    () => wire.call(ApiKey.JoinGroup, { ...join, memberId: '' }),
    ({ errorCode }) => errorCode,
  );
  if (joined.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) throw new Error(`first join: error ${joined.errorCode}`);
  const { memberId } = joined;
  joined = await wire.call(ApiKey.JoinGroup, { ...join, memberId });
  const assignment = encodeAssignment(3, { assignedPartitions: [{ topic, partitions: PARTITIONS }] });
  const synced = await wire.call(ApiKey.SyncGroup, {
    groupId,
    memberId,
    generationId: joined.generationId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId, assignment }],
  });
  const beaten = await wire.call(ApiKey.ConsumerGroupHeartbeat, {
    groupId,
    memberId: randomBytes(16).toString('base64url'),
    memberEpoch: 0,
    rebalanceTimeoutMs: 45_000,
    subscribedTopicNames: [topic],
    topicPartitions: [],
  });
  const codes = [joined.errorCode, synced.errorCode, beaten.errorCode];
  if (codes.some((code) => code !== ErrorCode.NONE)) throw new Error(`the members were refused: ${codes.join(', ')}`);
}
