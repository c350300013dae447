/** How a configuration key is declared: once, as data. Everything else (parsing, checks, DescribeConfigs, docs) is made from it. */

export type KeyType = 'boolean' | 'string' | 'int' | 'short' | 'long' | 'double' | 'list' | 'class' | 'password';

/** Kafka's update classes: from the properties only; on one broker; on one broker or as the default of all. */
export type Reload = 'read-only' | 'per-broker' | 'cluster-wide';

/** Why a key that Kafka knows does nothing here; told once at start to who sets it. */
export const noEffectReasons = {
  threads: 'one event loop does the work of these threads',
  security: 'TLS, SASL, ACLs and delegation tokens are not built yet',
  internal: 'nodes speak to each other over streams with bounds of their own',
  moves: 'moves between directories are held to their rate from one piece to the next, without windows',
  tiered: 'tiered storage is not built',
  share: 'share groups are not built yet',
  streams: 'streams groups are not built yet',
  transactions: 'transactions are not built yet',
  quotas: 'quotas are not built yet',
  metadataLog: 'the metadata log is kept in LevelDB, which has limits of its own',
  metrics: 'metrics are served at /metrics in the Prometheus format instead of being reported by plug-ins',
  plugins: 'plug-ins are JVM classes',
  providers: 'values are read as they are: references to configuration providers are refused',
  buffers: 'the operating system sizes socket buffers',
  waiters: 'a finished wait is removed at once, so nothing has to be purged',
  appends: 'records are appended when they come; nothing lingers',
  loading: 'a coordinator reads its partition in chunks of a fixed size',
  unstable: 'versions and features that Kafka has not settled are not offered',
  leaving: 'a broker that is asked to stop always leaves in order',
  queues: "the bounds on queued bytes and requests are the broker's own, by connection and in all",
  telemetry: 'client telemetry is not taken',
  log: 'the log does not do this yet',
  startup: 'this step of starting needs no limit or delay here',
} as const;
export type NoEffect = keyof typeof noEffectReasons;

/** A value taken from another key when this one is not set: that key's number times `times`. */
export type Fallback = { readonly name: string; readonly times?: number };

export type Spec = {
  readonly type: KeyType;
  /** What counts when nobody sets it; null: nothing. */
  readonly default: boolean | number | string | readonly string[] | null;
  /** Apache Kafka's default where ours differs. */
  readonly kafkaDefault?: boolean | number | string | readonly string[] | null;
  readonly min?: number;
  readonly max?: number;
  /** Allowed although outside [min, max]. */
  readonly also?: number;
  readonly oneOf?: readonly string[];
  readonly anyCase?: true;
  /** A list or string that is given must not be empty. */
  readonly nonEmpty?: true;
  /** The form of the value, for what no range says; see values.ts. */
  readonly form?:
    | 'throttledReplicas'
    | 'resetPolicy'
    | 'listeners'
    | 'outsideAddresses'
    | 'networks'
    | 'protocolMap'
    | 'ipLimits'
    | 'codecNumber'
    | 'replicaSelector'
    | 'unlimitedOrPositive';
  /** In order: the first of them that is set counts. */
  readonly fallback?: readonly Fallback[];
  /** medium when left out. */
  readonly importance?: 'high' | 'low';
  /** read-only when left out. */
  readonly reload?: Reload;
  /** Kafka leaves it out of its documentation and of DescribeConfigs. */
  readonly internal?: true;
  /** Set through the admin API only, and not told of while nobody has set it. */
  readonly dynamicOnly?: true;
  readonly noEffect?: NoEffect;
  /** Where the meaning comes from. */
  readonly source?: string;
  /** What changes when it goes up or down. */
  readonly doc: string;
};

/** The one class of `replica.selector.class` that is built in: a consumer reads in its own rack where it can (KIP-392). */
export const RACK_AWARE_REPLICA_SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector';

/** A topic or group key: it overrides the broker's key for one topic or group. */
export type OverrideSpec = Spec & {
  /** The broker key that says the default of all. */
  readonly brokerKey?: string;
};

export type Table = Readonly<Record<string, OverrideSpec>>;

/** Declares one key; its types are inferred from the row. */
export function key<const S extends OverrideSpec>(spec: S): S {
  return spec;
}

/** int64's largest value is beyond exact numbers. It stands for "no limit", so the largest exact number stands for it. */
export const LONG_MAX = Number.MAX_SAFE_INTEGER;
export const LONG_MAX_TEXT = '9223372036854775807';
export const INT_MAX = 0x7fff_ffff;

type Plain<T extends KeyType> = T extends 'boolean'
  ? boolean
  : T extends 'int' | 'short' | 'long' | 'double'
    ? number
    : T extends 'list'
      ? readonly string[]
      : string;

/** What reading a key gives: nullable only when its default is null and no other key stands in for it. */
export type ValueOf<S extends Spec> = S extends { readonly fallback: readonly Fallback[] }
  ? Plain<S['type']>
  : S['default'] extends null
    ? Plain<S['type']> | null
    : Plain<S['type']>;

export type Value = boolean | number | string | readonly string[] | null;
