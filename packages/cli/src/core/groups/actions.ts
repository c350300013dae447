/** Command lines written for kafka-consumer-groups: there the action is a flag, here it is the name of a command. */

const actions = ['list', 'describe', 'reset-offsets', 'delete', 'delete-offsets', 'validate-regex'] as const;

/**
 * `groups --bootstrap-server b --describe --group g` as `groups describe --bootstrap-server b --group g`. Everything else stays as it is,
 * also when no action or several are given: the commands refuse that themselves.
 */
export function actionFirst(args: readonly string[]): string[] {
  const [command, first = '', ...rest] = args;
  if (command !== 'groups' || !first.startsWith('--')) return [...args];
  const all = [first, ...rest];
  const found = actions.filter((action) => all.some((word) => names(word, action)));
  const [action] = found;
  if (action === undefined || found.length > 1) return [...args];
  const at = all.findIndex((word) => names(word, action));
  const before = all.slice(0, at);
  const after = all.slice(at + 1);
  if (action !== 'validate-regex') return ['groups', action, ...before, ...after];
  // The one that has a value, which is an argument here, and may begin with a dash.
  const inside = /=(.*)$/s.exec(all[at] ?? '')?.[1];
  const value = inside === undefined ? after.splice(0, 1) : [inside];
  return ['groups', action, ...before, ...after, ...(value.length === 0 ? [] : ['--', ...value])];
}

function names(word: string, action: (typeof actions)[number]): boolean {
  return word === `--${action}` || (action === 'validate-regex' && word.startsWith('--validate-regex='));
}
