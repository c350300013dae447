/** What the cleaner goes by is changed through the admin API while a real process runs: rates, threads, and which topics are compacted. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ApiKey, ErrorCode, buildBatch } from '@odradek/protocol';
import { spawnKafka, type KafkaProcess } from '@odradek/testkit';
import { eventually } from '../support/target.ts';
import { createTopic, Wire, produce } from '../support/wire.ts';

const TOPIC = 2;
const BROKER = 4;
const config = {
  'log.cleaner.backoff.ms': '50',
  // So slow that nothing comes to its end while this holds.
  'log.cleaner.io.max.bytes.per.second': '1000',
  'odradek.http.port': '0',
};

test('compaction: a rate, a number of threads and a policy that are changed take effect in the running node', async () => {
  await using node = await spawnKafka({ config });
  const wire = await Wire.open(node.bootstrap);
  const configs = { 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'min.cleanable.dirty.ratio': '0.01' };
  await createTopic(wire, 'table', configs);
  await write(wire);
  await eventually('the compaction is under way', async () => (await gauge(node, 'odradek_cleaner_running')) > 0);
  expect(cleanedTo(node)).toBe(0);

  expect(await alter(wire, BROKER, '', { 'log.cleaner.io.max.bytes.per.second': '1e9' })).toBe(ErrorCode.NONE);
  // It began before all was written: more than one may be needed.
  const activeFrom = activeSegmentOf(node);
  await eventually('the compaction comes to its end at the new rate', () => cleanedTo(node) === activeFrom);
  expect(await alter(wire, BROKER, '', { 'log.cleaner.threads': '0' })).toBe(ErrorCode.INVALID_REQUEST);
  const tiny = { 'log.cleaner.dedupe.buffer.size': '1000' };
  expect(await alter(wire, BROKER, '', tiny)).toBe(ErrorCode.INVALID_REQUEST);
  expect(await alter(wire, BROKER, '', { 'log.cleaner.threads': '2' })).toBe(ErrorCode.NONE);
  expect(await alter(wire, BROKER, '', { 'log.cleaner.enable': 'false' })).toBe(ErrorCode.INVALID_REQUEST);

  const before = cleanedTo(node);
  expect(await alter(wire, TOPIC, 'table', { 'cleanup.policy': 'delete' })).toBe(ErrorCode.NONE);
  await write(wire);
  // Another topic shows that the cleaner goes round meanwhile.
  await createTopic(wire, 'other', configs);
  await write(wire, 'other');
  await eventually('the other topic is compacted', () => cleanedTo(node, 'other') > 0);
  expect(cleanedTo(node)).toBe(before);
  expect(await alter(wire, TOPIC, 'table', { 'cleanup.policy': 'compact' })).toBe(ErrorCode.NONE);
  await eventually('what was written meanwhile is compacted', () => cleanedTo(node) > before);
  const { code } = await node.stop();
  expect(code).toBe(0);
});

/** 3 MB of few keys. */
async function write(wire: Wire, topic = 'table'): Promise<void> {
  for (let round = 0; round < 60; round += 1) {
    const records = Array.from({ length: 50 }, (_, index) => ({
      timestampMs: Date.now(),
      key: Buffer.from(`k${index % 10}`),
      value: Buffer.alloc(1_000, `${round}`),
    }));
    const { errorCode } = await produce(wire, topic, buildBatch({}, records));
    expect(errorCode).toBe(ErrorCode.NONE);
  }
}

async function alter(wire: Wire, resourceType: number, resourceName: string, values: Record<string, string>) {
  const changes = Object.entries(values).map(([name, value]) => ({ name, configOperation: 0, value }));
  const resources = [{ resourceType, resourceName, configs: changes }];
  const { responses } = await wire.call(ApiKey.IncrementalAlterConfigs, { resources, validateOnly: false }, 1);
  return responses[0]?.errorCode;
}

/** The last that the node has said of it; 0 before the first compaction. */
function cleanedTo(node: KafkaProcess, topic = 'table'): number {
  const said = node
    .output()
    .split('\n')
    .filter((line) => line.includes('log compacted') && line.includes(`"topic":"${topic}"`));
  return Number(/"cleanedTo":(\d+)/.exec(said.at(-1) ?? '')?.[1] ?? 0);
}

/** Where the segment begins that is written to, which is not compacted. */
function activeSegmentOf(node: KafkaProcess): number {
  const names = readdirSync(join(node.directory, 'data', 'table-0')).filter((name) => /^\d+\.log$/.test(name));
  return Math.max(...names.map((name) => Number(name.slice(0, -'.log'.length))));
}

/** NaN until the node has said where its metrics are. */
async function gauge(node: KafkaProcess, name: string): Promise<number> {
  const port = /http:\/\/[^:"]*:(\d+)/.exec(node.output())?.[1];
  if (port === undefined) return Number.NaN;
  const answer = await fetch(`http://localhost:${port}/metrics`);
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await answer.text())?.[1]);
}
