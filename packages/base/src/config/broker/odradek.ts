/** What Kafka has no key for. */
import { key } from '../declare.ts';

export const odradekKeys = {
  'odradek.advertised.outside': key({
    type: 'list',
    default: [],
    form: 'outsideAddresses',
    importance: 'high',
    doc:
      'Where clients from outside reach this node, for listeners that are advertised as auto: host, host:port, or NAME://host:port for one ' +
      'listener. Without a port it is the one that is advertised, or listened on. Not set: those that come through a published port of a ' +
      'container are told localhost, others the address that they have connected to.',
  }),
  'odradek.advertised.inside.networks': key({
    type: 'list',
    default: [],
    form: 'networks',
    importance: 'low',
    doc:
      'Networks beside those that this node is on (10.244.0.0/16, fd00::/8) whose clients reach the nodes directly: listeners that are ' +
      'advertised as auto tell them the addresses inside. For networks that are routed, such as that of all pods in Kubernetes.',
  }),
  'odradek.http.port': key({
    type: 'int',
    default: 9_644,
    min: -1,
    max: 65_535,
    importance: 'low',
    doc:
      'Port of the HTTP server with /livez, /readyz, /stopz, /metrics and /groups (lag and history of each). When the default is ' +
      'taken, any free port is used and named in the log, so that several nodes run on one host without being told; ' +
      'a port that is set must be free. 0: any free port. -1: no server.',
  }),
  'odradek.http.host': key({
    type: 'string',
    default: 'localhost',
    importance: 'low',
    doc:
      'Address of the HTTP server. The default is reached from this machine only; an empty value listens on every address, which ' +
      'a container needs whose probes and scrapers come from outside.',
  }),
  'odradek.broker.reconnect.grace.ms': key({
    type: 'int',
    default: 100,
    min: 0,
    importance: 'low',
    doc:
      'How long a broker whose stream to the active controller broke, while its process lives, may take to come back before others lead its ' +
      'partitions. A broker whose process is gone is not waited for, one that is silent has broker.session.timeout.ms, and one whose ' +
      'controller led the quorum and was missed has this long after the election. Set on controllers.',
  }),
  'odradek.log.level': key({
    type: 'string',
    default: 'info',
    oneOf: ['debug', 'info', 'warn', 'error'],
    importance: 'low',
    doc: 'How much the node says. debug: every step; error: only what stops something from working. --log-level overrides it.',
  }),
} as const;
