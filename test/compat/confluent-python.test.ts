/** confluent-kafka for Python (librdkafka): the scenarios are Python's, one process runs them all, and each is a test here. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confluentPython } from '../support/python.ts';
import { root, run, title } from '../support/run.ts';
import { freshName, target, type Target } from '../support/target.ts';

/** All scenarios together; some 10 s on an idle machine. */
const WITHIN_MS = 220_000;

const need = confluentPython();
const file = `${root}test/compat/python/scenarios.py`;
const names = [...readFileSync(file, 'utf8').matchAll(/^@scenario\ndef (\w+)/gm)].map(([, name = '']) =>
  name.replaceAll('_', ' '),
);

describe.skipIf(need.missing !== undefined)(title('confluent-kafka for Python', need), () => {
  let cluster: Target;
  let told: string[] = [];

  beforeAll(async () => {
    cluster = await target();
    const { stdout, stderr } = await run([need.use ?? '', file, cluster.bootstrap, freshName('py')], {
      withinMs: WITHIN_MS,
    });
    told = [...stdout.toString().split('\n'), stderr];
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  test.each(names)('%s', (name) => {
    const line = told.find((text) => text.startsWith(`ok ${name}`) || text.startsWith(`failed ${name}`));
    expect(line ?? told.join('\n')).toBe(`ok ${name}`);
  });
});
