/** Which names a topic may have. */

const NAME_CHARS_MAX = 249;
const LEGAL = /^[a-zA-Z0-9._-]*$/;

/** @returns what is wrong with a topic name, in Kafka's words; undefined when it may be used */
export function topicNameProblem(name: string): string | undefined {
  const problem = problemOf(name);
  return problem === undefined ? undefined : `Topic name is invalid: ${problem}`;
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.') return "'.' is not allowed";
  if (name === '..') return "'..' is not allowed";
  if (name.length > NAME_CHARS_MAX)
    return `the length of '${name}' is longer than the max allowed length ${NAME_CHARS_MAX}`;
  if (!LEGAL.test(name))
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  return undefined;
}

/**
 * Metric names cannot tell `.` from `_`, so two topics must differ by more. @returns undefined when the name holds
 * neither
 */
export function collisionKey(name: string): string | undefined {
  return name.includes('.') || name.includes('_') ? name.replaceAll('.', '_') : undefined;
}
