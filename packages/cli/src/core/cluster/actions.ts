/**
 * Command lines written for Kafka's tools about the cluster: kafka-metadata-quorum and kafka-features take options before the name of what
 * to do, for kafka-reassign-partitions, kafka-configs, kafka-topics and kafka-client-metrics it is a flag. Here it comes first.
 */

const actions: Readonly<Record<string, readonly string[]>> = {
  quorum: ['describe', 'add', 'add-controller', 'remove', 'remove-controller', 'recover'],
  features: ['describe', 'upgrade', 'downgrade', 'disable', 'version-mapping'],
  cluster: ['status', 'id', 'cluster-id', 'list-endpoints', 'unregister'],
};
/** Commands whose actions are flags of Kafka's tools. */
const flagActions: Readonly<Record<string, readonly string[]>> = {
  reassign: ['generate', 'execute', 'verify', 'cancel', 'list'],
  configs: ['describe', 'alter'],
  'client-metrics': ['list', 'describe', 'alter', 'delete'],
  topics: ['create', 'list', 'describe', 'alter', 'delete'],
};

/**
 * `quorum --bootstrap-server b describe` as `quorum describe --bootstrap-server b`, `reassign --bootstrap-server b --list` as
 * `reassign list --bootstrap-server b`. Everything else stays as it is, also when no action or several are given: the commands refuse that.
 */
export function commandFirst(args: readonly string[]): string[] {
  const [command = '', first = '', ...rest] = args;
  if (!first.startsWith('-')) return [...args];
  const all = [first, ...rest];
  const flags = flagActions[command]?.map((action) => `--${action}`);
  if (flags !== undefined) {
    const found = all.filter((word) => flags.includes(word));
    const [flag = ''] = found;
    return found.length === 1 ? [command, flag.slice(2), ...all.filter((word) => word !== flag)] : [...args];
  }
  const known = actions[command];
  // The word behind an option is its value, whatever it is called.
  const at = all.findIndex((word, index) => known?.includes(word) === true && !takesValue(all[index - 1]));
  const action = all[at];
  return action === undefined ? [...args] : [command, action, ...all.filter((_, index) => index !== at)];
}

const valued = [
  '-b',
  '--bootstrap-server',
  '-C',
  '--bootstrap-controller',
  '-c',
  '--command-config',
  '--timeout',
  '--timeout-ms',
];

function takesValue(word: string | undefined): boolean {
  return word !== undefined && valued.includes(word);
}
