/** The file that Apache Kafka 4.3 ships for a combined node, without its comments. */
export type ShippedWith = {
  readonly nodeId?: number;
  readonly port?: number;
  readonly controllerPort?: number;
  readonly logDirs?: string;
  /** The line that names the quorum. */
  readonly quorum?: string;
};

/** As it is shipped, or with what Kafka's guide for several nodes changes in it: ids, addresses, voters. */
export function kafkasProperties(change: ShippedWith = {}): string {
  const { nodeId = 1, port = 9092, controllerPort = 9093, logDirs = '/tmp/kraft-combined-logs' } = change;
  const { quorum = `controller.quorum.bootstrap.servers=localhost:${controllerPort}` } = change;
  return `
process.roles=broker,controller
node.id=${nodeId}
${quorum}
listeners=PLAINTEXT://:${port},CONTROLLER://:${controllerPort}
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=${logDirs}
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
`;
}
