/**
 * Every group API against what Apache Kafka 4.3.1 answered (`test/data/groups/`, made by `record.ts`): the same scenarios, step by step. Where ours
 * answers otherwise by choice, the step says so with the reason, and that it still differs is checked too.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startKafka, type Kafka } from '@odradek/testkit';
import { scenarios } from './all.ts';
import { prepared } from './prepare.ts';
import { chosenIn, config, play, withChosen, type Json } from './scenario.ts';

type Golden = Readonly<Record<string, readonly (readonly [string, Json])[]>>;

let kafka: Kafka;
let topicIds: ReadonlyMap<string, string>;

beforeAll(async () => {
  kafka = await startKafka({ config });
  topicIds = await prepared(kafka.bootstrap);
});

afterAll(() => kafka?.stop());

for (const [file, list] of Object.entries(scenarios)) {
  const golden = JSON.parse(readFileSync(new URL(`../../data/groups/${file}.json`, import.meta.url), 'utf8')) as Golden;

  describe(`${file}, as Apache Kafka answers:`, () => {
    test('every scenario is recorded, and none other', () => {
      expect(list.map(({ name }) => name).toSorted()).toEqual(Object.keys(golden).toSorted());
    });

    test.for(list)('$name', async (scenario) => {
      const recorded = golden[scenario.name] ?? [];
      const chosen = chosenIn(scenario);
      const told = await play(kafka.bootstrap, scenario, topicIds);
      expect(told.map(({ step, answer }) => [step, answer])).toEqual(
        recorded.map(([step, answer], at) => [step, withChosen(answer, chosen[at])]),
      );
      // A choice that Kafka would answer the same is none.
      for (const [at, [, answer]] of recorded.entries())
        if (chosen[at] !== undefined) expect(withChosen(answer, chosen[at])).not.toEqual(answer);
    });
  });
}
