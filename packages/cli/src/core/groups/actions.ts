/** Command lines written for kafka-consumer-groups: there the action is a flag, here it is the name of a command. */

const actions = ['list', 'describe', 'reset-offsets', 'delete', 'delete-offsets'] as const;

/**
 * `groups --bootstrap-server b --describe --group g` as `groups describe --bootstrap-server b --group g`. Everything else stays as it is,
 * also when no action or several are given: the commands refuse that themselves.
 */
export function actionFirst(args: readonly string[]): string[] {
  const [command, first = '', ...rest] = args;
  if (command !== 'groups' || !first.startsWith('--')) return [...args];
  const all = [first, ...rest];
  const found = actions.filter((action) => all.includes(`--${action}`));
  const [action] = found;
  if (action === undefined || found.length > 1) return [...args];
  const at = all.indexOf(`--${action}`);
  return ['groups', action, ...all.slice(0, at), ...all.slice(at + 1)];
}
