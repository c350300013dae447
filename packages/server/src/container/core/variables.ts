/**
 * Variables of the images that people come from (apache/kafka, bitnami/kafka, confluentinc/cp-kafka, wurstmeister/kafka) that are not
 * properties by their names: other names for some, and what nobody needs here, with a word about each.
 */

/** Names that bitnami's image gives to properties of Kafka's. */
export const aliases: Readonly<Record<string, string>> = {
  KAFKA_LOGS_DIRS: 'log.dirs',
  KAFKA_SEGMENT_BYTES: 'log.segment.bytes',
  KAFKA_MAX_MESSAGE_BYTES: 'message.max.bytes',
};

/** What `CLUSTER_ID` is called elsewhere. */
export const clusterIdNames = ['CLUSTER_ID', 'KAFKA_CLUSTER_ID', 'KAFKA_KRAFT_CLUSTER_ID'] as const;

/** Names that end in `_FILE` and mean a path, not a place to read the value from. */
export const pathVariables: ReadonlySet<string> = new Set([
  'KAFKA_TLS_TRUSTSTORE_FILE',
  'KAFKA_ZOOKEEPER_TLS_TRUSTSTORE_FILE',
  'KAFKA_CONF_FILE',
  'KAFKA_PID_FILE',
]);

/** A Kubernetes Service of such a name puts these into every pod of its namespace; Docker's links were of the same form. */
export function isServiceLink(variable: string, value: string): boolean {
  if (/^(?:KAFKA|ODRADEK)(?:_[A-Z0-9]+)*_PORT$/.test(variable) && /^(?:tcp|udp|sctp):\/\//.test(value)) return true;
  return serviceLink.test(variable);
}

const serviceLink =
  /^(?:KAFKA|ODRADEK)(?:_[A-Z0-9]+)*_(?:SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)$/;

export type Leftover = { readonly names: RegExp; readonly why: string | undefined };

/** In this order; `why` undefined: not worth a line. What matches none is a property. */
export const leftovers: readonly Leftover[] = [
  {
    names: /^KAFKA_(VERSION|HOME|BASE_DIR|VOLUME_DIR|DATA_DIRS?|CONF_DIR|CONF_FILE|CERTS_DIR|MOUNTED_CONF_DIR)$/,
    why: undefined,
  },
  { names: /^KAFKA_(DAEMON_USER|DAEMON_GROUP|PID_FILE|INITSCRIPTS_DIR)$/, why: undefined },
  {
    names:
      /^(KAFKA_(HEAP_OPTS|OPTS|JVM_PERFORMANCE_OPTS|GC_LOG_OPTS|DEBUG|DEBUG_OPTS)|JAVA_TOOL_OPTIONS|JAVA_OPTS|_JAVA_OPTIONS)$/,
    why: 'there is no Java here',
  },
  {
    names: /^(KAFKA_JMX_[A-Z_]+|JMX_PORT)$/,
    why: 'there is no JMX here: metrics are at /metrics of the HTTP port (odradek.http.port)',
  },
  {
    names: /^KAFKA_(LOG4J_OPTS|TOOLS_LOG4J_LOGLEVEL)$/,
    why: 'there is no log4j here: KAFKA_LOG4J_ROOT_LOGLEVEL sets the level of all loggers, KAFKA_LOG4J_LOGGERS that of one',
  },
  {
    names: /^(KAFKA_)?(CONFLUENT_|REST_|SCHEMA_REGISTRY_|METRIC_REPORTERS$)/,
    why: "it is for Confluent's parts beside the broker, which are not here",
  },
  {
    names:
      /^KAFKA_(CLIENT_USERS|CLIENT_PASSWORDS|BROKER_USER|BROKER_PASSWORD|INTER_BROKER_USER|INTER_BROKER_PASSWORD|CONTROLLER_USER|CONTROLLER_PASSWORD|CERTIFICATE_PASSWORD|CLIENT_LISTENER|CLIENT_LISTENER_NAME|CLIENT_SASL_MECHANISM|TLS_[A-Z_]+)$/,
    why: 'it is for SASL and TLS, which are not built yet',
  },
  {
    names: /^KAFKA_CFG_(MAX_PARTITION_FETCH_BYTES|MAX_REQUEST_SIZE)$/,
    why: 'it is a setting of clients',
  },
  { names: /^KAFKA_SKIP_KRAFT_STORAGE_INIT$/, why: 'an empty directory is formatted at the start, another never' },
  { names: /^KAFKA_(ENABLE_KRAFT|LOG4J_LOGGERS)$/, why: undefined },
  {
    names: /^KAFKA_CREATE_TOPICS$/,
    why: 'topics are not created at the start: use kafka-topics --create --if-not-exists, or auto.create.topics.enable',
  },
  { names: /^KAFKA_(NODE_ID|BROKER_ID|CONTROLLER_QUORUM_VOTERS)_COMMAND$/, why: undefined },
];

/** Gone since Kafka 2 or 3; each had its word in other images too. */
export const refused: Readonly<Record<string, string>> = {
  KAFKA_ADVERTISED_HOST_NAME: 'advertised.listeners says it now: KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://NAME:9092',
  KAFKA_ADVERTISED_HOST: 'advertised.listeners says it now: KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://NAME:9092',
  KAFKA_ADVERTISED_PORT: 'advertised.listeners says it now: KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://NAME:9092',
  KAFKA_HOST_NAME: 'listeners says it now: KAFKA_LISTENERS=PLAINTEXT://:9092',
  KAFKA_HOST: 'listeners says it now: KAFKA_LISTENERS=PLAINTEXT://:9092',
  KAFKA_PORT: 'listeners says it now: KAFKA_LISTENERS=PLAINTEXT://:9092',
};

/** Those of log4j, in words of `odradek.log.level`. */
export const logLevels: Readonly<Record<string, string>> = {
  ALL: 'debug',
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
  FATAL: 'error',
  OFF: 'error',
};

/** The variable that becomes a property: what `propertyNameOf` undoes. */
export function variableOf(property: string): string {
  return `KAFKA_${property.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_').toUpperCase()}`;
}

/** `KAFKA_CFG_X_Y` is `x.y`, as bitnami's image has it; names of listeners keep the underscore of their protocol. */
export function bitnamiPropertyOf(variable: string): string {
  return variable
    .slice('KAFKA_CFG_'.length)
    .toLowerCase()
    .replaceAll('_', '.')
    .replaceAll('sasl.ssl', 'sasl_ssl')
    .replaceAll('sasl.plaintext', 'sasl_plaintext');
}
