import { expect, test } from 'vitest';
import { regexProblem, tellRegex } from './regex.ts';

// What kafka-consumer-groups 4.3.1 printed for each of them.
test.each([
  ['foo.*', 'The regular expression `foo.*` is valid.'],
  ['', 'The regular expression `` is valid.'],
  ['foo(', 'The regular expression `foo(` is invalid: missing closing ).'],
  ['(?=a)b', 'The regular expression `(?=a)b` is invalid: invalid or unsupported Perl syntax.'],
])('regex: %j is told as Kafka tells it', (regex, line) => {
  expect(tellRegex(regex, regexProblem(regex))).toBe(line);
});
