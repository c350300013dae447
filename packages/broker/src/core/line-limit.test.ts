import { expect, test } from 'vitest';
import { LineLimit } from './line-limit.ts';

test('line limit: a few lines of a kind in a window, then silence; the next line tells how many were kept back', () => {
  const log = new LineLimit<'tls' | 'http'>();
  const written = Array.from({ length: 12 }, (_, at) => log.due('tls', at)).filter((due) => due !== undefined);
  expect(written).toEqual([{ silenced: 0 }, { silenced: 0 }, { silenced: 0 }, { silenced: 0 }, { silenced: 0 }]);
  expect(log.due('tls', 9_999)).toBeUndefined();
  expect(log.due('tls', 10_000)).toEqual({ silenced: 8 });
  expect(log.due('tls', 10_001)).toEqual({ silenced: 0 });
});

test('line limit: one kind does not silence another', () => {
  const log = new LineLimit<'tls' | 'http'>();
  for (let at = 0; at < 20; at += 1) log.due('http', 0);
  expect(log.due('http', 1)).toBeUndefined();
  expect(log.due('tls', 1)).toEqual({ silenced: 0 });
});
