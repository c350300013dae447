/** Nodes of a cluster by their properties: who the controllers are, and what each role may listen on and name. */
import { describe, expect, test } from 'vitest';
import { good, load, problems } from '../testing/configs.ts';

/** What Apache Kafka ships for a combined node says so of itself and its listeners. */
const kafkas = `
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs=/tmp/kraft-combined-logs
`;

test('cluster: a file that names no controllers is refused, since three of them would be three clusters', () => {
  const told = problems({ file: 'process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=' });
  expect(told).toEqual([
    expect.stringContaining('neither controller.quorum.bootstrap.servers nor controller.quorum.voters is set'),
  ]);
});

/** The three files of a cluster of combined nodes. */
const nodeOfThree = (id: number): string =>
  `${kafkas}\nnode.id=${id}\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093
advertised.listeners=PLAINTEXT://kafka-${id}:9092
controller.quorum.bootstrap.servers=
controller.quorum.voters=3@kafka-3:9093,1@kafka-1:9093,2@kafka-2:9093`;

test('cluster: three combined nodes know each other by voters, whatever the order in which they are written', () => {
  for (const id of [1, 2, 3]) {
    const config = good({ file: nodeOfThree(id) });
    expect(config.quorum).toEqual({
      kind: 'static',
      voters: [1, 2, 3].map((voter) => ({ id: voter, host: `kafka-${voter}`, port: 9093 })),
    });
    expect(config.advertisedControllerListeners.map(({ name, host, port }) => [name, host, port])).toEqual([
      ['CONTROLLER', '', 9093],
    ]);
  }
});

test('cluster: bootstrap servers are asked when no voters are named; without either the node is alone', () => {
  const servers = 'controller.quorum.bootstrap.servers=kafka-1:9093, [::1]:9094';
  expect(good({ file: `${kafkas}\n${servers}` }).quorum).toEqual({
    kind: 'bootstrap',
    servers: [
      { host: 'kafka-1', port: 9093 },
      { host: '::1', port: 9094 },
    ],
  });
  expect(good({ file: `${kafkas}\n${servers}\ncontroller.quorum.voters=1@a:9093` }).quorum.kind).toBe('static');
  expect(good({}).quorum).toEqual({ kind: 'standalone' });
});

test('cluster: other controllers reach this one where advertised.listeners says', () => {
  const config = good({ file: `${kafkas}\nadvertised.listeners=CONTROLLER://inside:19093,PLAINTEXT://outside:9092` });
  expect(config.advertisedControllerListeners.map(({ host, port }) => [host, port])).toEqual([['inside', 19_093]]);
  expect(config.advertisedListeners.map(({ host }) => host)).toEqual(['outside']);
});

describe('cluster: a node of one role', () => {
  const broker = `process.roles=broker\nnode.id=4\nlisteners=PLAINTEXT://:9092\ncontroller.listener.names=CONTROLLER
controller.quorum.voters=1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093\nlog.dirs=/d`;
  const controller = `process.roles=controller\nnode.id=2\nlisteners=CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER
controller.quorum.voters=1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093\nlog.dirs=/d`;

  test('a broker: it has no controller listener and is no voter', () => {
    const config = good({ file: broker });
    expect([config.hasRole('broker'), config.hasRole('controller')]).toEqual([true, false]);
    expect(config.controllerListeners).toEqual([]);
    expect(config.interBrokerListener).toBe('PLAINTEXT');
  });

  test('a controller: it has no listener for clients', () => {
    const config = good({ file: controller });
    expect([config.hasRole('broker'), config.hasRole('controller')]).toEqual([false, true]);
    expect(config.brokerListeners).toEqual([]);
    expect(config.controllerListeners.map(({ port }) => port)).toEqual([9093]);
  });

  const noController = 'controller.quorum.voters=';
  test.each([
    [
      'a broker among the voters',
      `${broker}\nnode.id=3`,
      'contains this node (node.id = 3), which has the broker role only',
    ],
    [
      'a broker with a controller listener',
      `${broker}\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093`,
      'process.roles = broker has none',
    ],
    [
      'a broker that knows no controllers',
      `${broker}\n${noController}`,
      'neither controller.quorum.voters nor controller.quorum.bootstrap.servers says where the controllers are',
    ],
    [
      'a broker without a protocol for controllers',
      `${broker}\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT`,
      'CONTROLLER has no security protocol',
    ],
    [
      'a broker whose controllers speak TLS',
      `${broker}\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SSL`,
      'CONTROLLER uses SSL',
    ],
    [
      'a broker that is to join by itself',
      `${broker}\ncontroller.quorum.auto.join.enable=true`,
      'does not have the controller role',
    ],
    [
      'a controller with a listener for clients',
      `${controller}\nlisteners=CONTROLLER://:9093,PLAINTEXT://:9092`,
      'PLAINTEXT://:9092 is no controller listener',
    ],
    [
      'a controller that is no voter',
      `${controller}\nnode.id=7`,
      'does not contain this node (node.id = 7), which has the controller role',
    ],
    [
      'a controller that listens nowhere',
      `${controller}\ncontroller.listener.names=OTHER`,
      'no other node reaches this controller',
    ],
  ])('is refused: %s', (_name, file, why) => {
    expect(problems({ file }).join('\n')).toContain(why);
  });

  test('it is refused without a file too when nothing says where the controllers are', () => {
    for (const role of ['broker', 'controller']) {
      const overrides = [`process.roles=${role}`, 'listeners=CONTROLLER://:9093', 'log.dirs=/d'];
      expect(problems({ overrides }).join('\n')).toContain(`process.roles = ${role}: a node of one role needs others`);
    }
  });
});

test('cluster: what Kafka takes without using it is a warning', () => {
  const warned = (file: string): string => load({ file }).warnings.join('\n');
  expect(warned(`${nodeOfThree(1)}\ncontroller.quorum.auto.join.enable=true`)).toContain(
    'auto.join.enable = true does',
  );
  const broker = `process.roles=broker\nnode.id=4\nlisteners=PLAINTEXT://:9092\ncontroller.quorum.voters=1@a:9093
log.dirs=/d\nadvertised.listeners=PLAINTEXT://x:9092,CONTROLLER://x:9093`;
  expect(warned(broker)).toContain('CONTROLLER://x:9093 is of the controller role, which this node does not have');
  expect(good({ file: broker }).advertisedListeners.map(({ name }) => name)).toEqual(['PLAINTEXT']);
});

test('cluster: a voter address with a port that the node does not listen on is warned of', () => {
  const warned = (lines: string): readonly string[] => load({ file: `${nodeOfThree(1)}\n${lines}` }).warnings;
  const slip = 'controller.quorum.voters=1@kafka-1:9099,2@kafka-2:9093,3@kafka-3:9093';
  expect(warned(slip).join('\n')).toContain('reach this node at kafka-1:9099, but none of listeners has port 9099');
  expect(warned('').filter((line) => line.includes('voters'))).toEqual([]);
});
