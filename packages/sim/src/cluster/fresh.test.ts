import { expect, test } from 'vitest';
import { brokenOf, freshParts } from './fresh.ts';

/** Of a busy machine, too. */
const timeout = 300_000;

test.for(freshParts(500))(
  'cluster: no claim is broken by 25 fresh seeds ($part: from $from)',
  { timeout },
  async (part) => expect(await brokenOf(part)).toBeUndefined(),
);
