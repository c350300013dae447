import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { kafkaOnly } from './kafka-only.ts';
import { catalogue } from './metrics.ts';

/** What one combined node of Kafka 4.3.1 has in its JMX registry, without the clients within it, and two more that need a throttle. */
const ofKafka = readFileSync(new URL('../../test-data/kafka-4.3.1-mbeans.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const stoodFor = Object.values(catalogue).flatMap(({ kafka }) => kafka.map((named) => named.replace(/ \(.*\)$/, '')));

function matches(pattern: string, mbean: string): boolean {
  return pattern.endsWith('*') ? mbean.startsWith(pattern.slice(0, -1)) : mbean === pattern;
}

test('metrics of Kafka: what the catalogue claims to stand for is told by Kafka', () => {
  expect(stoodFor.filter((named) => !ofKafka.includes(named))).toEqual([]);
});

test('metrics of Kafka: each is stood for by one of the catalogue, or there is one reason why it is not', () => {
  const patterns = kafkaOnly.flatMap(({ mbeans }) => mbeans);
  const wrong = ofKafka.flatMap((mbean) => {
    const reasons = patterns.filter((pattern) => matches(pattern, mbean));
    const count = reasons.length + (stoodFor.includes(mbean) ? 1 : 0);
    return count === 1 ? [] : [`${mbean}: ${count}`];
  });
  expect(wrong).toEqual([]);
});

test("metrics of Kafka: every name that is given a reason is one of Kafka's", () => {
  for (const pattern of kafkaOnly.flatMap(({ mbeans }) => mbeans)) {
    expect(
      ofKafka.some((mbean) => matches(pattern, mbean)),
      pattern,
    ).toBe(true);
  }
});
