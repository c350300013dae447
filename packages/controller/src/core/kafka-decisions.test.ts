/**
 * What Apache Kafka 4.3.1 decided, step by step (`test-data/`, made by `testing/kafka/record.ts`), and what this machine
 * decides: the same answers, the same records. Where ours decides otherwise by choice, `testing/kafka/choices.ts` says
 * from which step on and why, and that it still differs is checked too.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { choices } from '../testing/kafka/choices.ts';
import { OurController } from '../testing/kafka/ours.ts';
import { inTheirWords, play, type Recorded } from '../testing/kafka/scenario.ts';

function recorded(file: string): readonly Recorded[] {
  const bytes = readFileSync(new URL(`../../test-data/${file}`, import.meta.url));
  const text = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  return JSON.parse(text.toString()) as readonly Recorded[];
}

const all = [...recorded('kafka-4.3.1-decisions.json'), ...recorded('kafka-4.3.1-random-decisions.json.gz')] as const;

describe('as Apache Kafka decides:', () => {
  test('what ours chooses to decide otherwise is recorded', () => {
    const names = new Set(all.map(({ name }) => name));
    for (const [name] of choices) expect(names).toContain(name);
  });

  test.for(all)('$name', async ({ name, elr, steps }) => {
    const ours = await play(
      new OurController(elr),
      steps.map(([step]) => step),
    );
    const told = ours.map(({ reply, records }, at) => {
      const [step, theirs] = steps[at] ?? [];
      return [step, { reply: inTheirWords(reply, theirs?.reply ?? null), records }];
    });
    const choice = choices.get(name);
    const until = choice?.at ?? steps.length;
    expect(told.slice(0, until)).toEqual(steps.slice(0, until));
    // A choice that Kafka would decide the same is none.
    if (choice !== undefined) expect(told[until], choice.why).not.toEqual(steps[until]);
  });
});
