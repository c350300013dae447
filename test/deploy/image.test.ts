/**
 * The container image as users of other Kafka images meet it: their compose files with only `image:` changed, their scripts and health
 * checks by their names, any user, a read-only root, and plain words where something cannot be.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafkaTools } from '../../packages/cli/src/kafka-tools.ts';
import { compose, Project } from '../support/compose.ts';
import { build, BUILT_WITHIN_MS, Container, containers, IMAGE } from '../support/container-image.ts';
import { must, root, run, title } from '../support/run.ts';
import { eventually } from '../support/target.ts';

const engine = containers();
const projects = compose();
const READY_WITHIN_MS = 180_000;
const UP_WITHIN_MS = 300_000;
/** Of `docker stop`, which kills what has not ended by then. */
const STOP_WITHIN_SECONDS = '60';

beforeAll(async () => {
  if (engine.use !== undefined) await build();
}, BUILT_WITHIN_MS);

function isHealthy(container: Container): Promise<boolean> {
  return container.inspect<string>('.State.Health.Status').then((status) => status === 'healthy');
}

async function healthy(container: Container): Promise<void> {
  await eventually('healthy by the check of the image', () => isHealthy(container), READY_WITHIN_MS).catch(
    async (error: unknown) => {
      throw new Error(`${String(error)}\n${await container.logs()}`);
    },
  );
}

/** Lines come to the engine's log a moment after they are written. */
async function says(container: Container, words: string): Promise<void> {
  let logs = '';
  const isSaid = async (): Promise<boolean> => (logs = await container.logs()).includes(words);
  await eventually(`'${words}' is logged`, isSaid).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${logs}`);
  });
}

/** To its end: exit code and both outputs. */
async function once(args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await run(['docker', 'run', '--rm', ...args]);
  return { code, text: stdout.toString() + stderr };
}

describe.skipIf(engine.use === undefined)(title('image', engine), () => {
  test("Kafka's tools are there by both names, on the PATH and at the places of other images", async () => {
    const names = [...Object.keys(kafkaTools), 'kafka-server-start', 'kafka-server-stop', 'kafka-run-class'];
    const places = (name: string): string[] => [
      name,
      `${name}.sh`,
      `/opt/kafka/bin/${name}.sh`,
      `/opt/bitnami/kafka/bin/${name}.sh`,
      `/usr/bin/${name}`,
    ];
    const wanted = [
      ...names.flatMap(places),
      'odradek',
      'cub',
      'ub',
      'nc',
      '/etc/confluent/docker/run',
      '/etc/kafka/docker/run',
    ];
    const script = 'for each in "$@"; do command -v "$each" >/dev/null || echo "$each"; done';
    expect(await once([IMAGE, 'sh', '-c', script, 'sh', ...wanted])).toEqual({ code: 0, text: '' });
  });

  test("kafka-run-class knows each of Kafka's tools by its class, and says that it is no Java", async () => {
    const tools = Object.values(kafkaTools);
    const help = 'for each in "$@"; do kafka-run-class.sh "$each" --help | head -n 1; done';
    const { code, text } = await once([IMAGE, 'sh', '-c', help, 'sh', ...tools.flatMap(({ classes }) => classes)]);
    const usages = tools.flatMap(({ words, classes }) => classes.map(() => `Usage: odradek ${words.join(' ')}`));
    expect(code).toBe(0);
    expect(text.split('\n').map((line) => line.replace(/ [[<].*$/, ''))).toEqual([...usages, '']);
    const unknown = await once([IMAGE, 'kafka-run-class', 'org.example.Tool']);
    expect(unknown).toEqual({ code: 1, text: expect.stringContaining('org.example.Tool is a Java class') });
  });

  test('told nothing, it serves clients, its health checks and those of others agree, and SIGTERM ends it in order', async () => {
    await using container = await Container.start([IMAGE]);
    await healthy(container);
    const at = ['--bootstrap-server', 'localhost:9092'];
    await container.exec('kafka-topics.sh', ...at, '--create', '--topic', 'orders', '--partitions', '2');
    expect(await container.exec('kafka-topics', ...at, '--list')).toBe('orders\n');
    await container.exec('kafka-broker-api-versions.sh', ...at);
    await container.exec('nc', '-z', 'localhost', '9092');
    await container.exec('cub', 'kafka-ready', '-b', 'localhost:9092', '1', '60');
    await expect(container.exec('nc', '-z', 'localhost', '9999')).rejects.toThrow(/exit 1/);
    await expect(container.exec('cub', 'kafka-ready', '2', '10')).rejects.toThrow('1 of 2 brokers are there');
    await must(['docker', 'stop', '-t', STOP_WITHIN_SECONDS, container.id]);
    expect(await container.inspect('.State.ExitCode')).toBe(0);
    await says(container, 'stopped in');
  });

  test('a controller alone is healthy when it is ready, and its log has no word of the check', async () => {
    const variables = ['PROCESS_ROLES=controller', 'NODE_ID=1', 'CONTROLLER_QUORUM_VOTERS=1@localhost:9093'];
    await using container = await Container.start([...variables.flatMap((each) => ['-e', `KAFKA_${each}`]), IMAGE]);
    await healthy(container);
    expect(await container.exec('healthcheck')).toBe('9644: ready, without clients\n');
    expect(await container.logs()).not.toContain('misuse');
  });

  test('a node that hangs is unhealthy, and the check says so', async () => {
    await using container = await Container.start([IMAGE]);
    await healthy(container);
    const pid = await container.inspect<number>('.State.Pid');
    process.kill(pid, 'SIGSTOP');
    const { code, stdout } = await run(['docker', 'exec', container.id, 'healthcheck']);
    process.kill(pid, 'SIGCONT');
    expect({ code, text: stdout.toString() }).toEqual({ code: 1, text: expect.stringContaining('9092: no answer') });
    await healthy(container);
  });

  test.for(['1000', '1001', '12345', '0'])(
    'as user %s on a read-only root without capabilities, it serves and keeps its data in the volume',
    async (user) => {
      const limits = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
      await using container = await Container.start([...limits, '--user', user, '-v', '/var/lib/kafka/data', IMAGE]);
      await healthy(container);
      expect((await container.exec('id', '-u')).trim()).toBe(user);
      const list = await container.exec('ls', '/var/lib/kafka/data');
      expect(list).toContain('meta.properties');
    },
  );

  test.for([
    {
      variables: ['KAFKA_ZOOKEEPER_CONNECT=zookeeper:2181', 'KAFKA_BROKER_ID=1'],
      words: 'there is no ZooKeeper any more',
    },
    { variables: ['KAFKA_CFG_LISTENERS=SASL_PLAINTEXT://:9092'], words: 'SASL_PLAINTEXT, which is not built yet' },
    { variables: ['KAFKA_NODE_ID=1', 'KAFKA_CFG_NODE_ID=2'], words: 'both say node.id' },
    { variables: ['CLUSTER_ID_FILE=/run/secrets/none'], words: '/run/secrets/none is not there' },
    { variables: ['KAFKA_CFG_NUM_PARTITIONS=many'], words: 'environment KAFKA_CFG_NUM_PARTITIONS' },
  ])('refused in words: $words', async ({ variables, words }) => {
    const { code, text } = await once([...variables.flatMap((each) => ['-e', each]), IMAGE]);
    expect({ code, text }).toEqual({ code: 1, text: expect.stringContaining(words) });
  });

  test.for([
    {
      command: 'echo "no name" >&2; exit 3',
      words: ['\'echo "no name" >&2; exit 3\' failed with exit code 3', 'no name'],
    },
    { command: 'true', words: ["KAFKA_NODE_ID_COMMAND: 'true' printed nothing"] },
  ])('KAFKA_NODE_ID_COMMAND=$command ends the container with a line about it', async ({ command, words }) => {
    const { code, text } = await once(['-e', `KAFKA_NODE_ID_COMMAND=${command}`, IMAGE]);
    expect(code).toBe(1);
    for (const each of words) expect(text).toContain(each);
  });

  test('what KAFKA_NODE_ID_COMMAND prints is the id, and a variable may be an argument with a URL', async () => {
    const listeners = 'KAFKA_LISTENERS=PLAINTEXT://:9095';
    await using container = await Container.start(['-e', 'KAFKA_NODE_ID_COMMAND=expr 40 + 2', IMAGE, listeners]);
    await healthy(container);
    await says(container, 'node 42 of cluster');
    await container.exec('cub', 'kafka-ready', '-b', 'localhost:9095', '1', '60');
  });

  test('secrets and mounted properties are read, and variables count more than the file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'odradek-image-test-'));
    try {
      writeFileSync(join(directory, 'id'), 'MkU3OEVBNTcwNTJENDM2Qk\n', { mode: 0o644 });
      const properties = ['process.roles=broker,controller', 'node.id=7', 'listeners=PLAINTEXT://:9092,C://:9093'];
      const more = ['controller.listener.names=C', 'controller.quorum.voters=7@localhost:9093', 'num.partitions=4'];
      const map = 'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,C:PLAINTEXT';
      writeFileSync(join(directory, 'server.properties'), [...properties, ...more, map].join('\n'), { mode: 0o644 });
      const mounts = [
        '-v',
        `${directory}/id:/run/secrets/id:ro`,
        '-v',
        `${directory}/server.properties:/mnt/shared/config/server.properties:ro`,
      ];
      const variables = ['-e', 'CLUSTER_ID_FILE=/run/secrets/id', '-e', 'KAFKA_NUM_PARTITIONS=5'];
      await using container = await Container.start([...mounts, ...variables, IMAGE]);
      await healthy(container);
      await says(container, 'node 7 of cluster MkU3OEVBNTcwNTJENDM2Qk');
      const at = ['--bootstrap-server', 'localhost:9092'];
      await container.exec('kafka-topics', ...at, '--create', '--topic', 'by-default');
      expect(await container.exec('kafka-topics', ...at, '--describe', '--topic', 'by-default')).toContain(
        'PartitionCount: 5',
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('command: overrides that format and start by script serve, and end by SIGTERM too', async () => {
    const properties = '/opt/kafka/config/kraft/server.properties';
    const script = [
      `kafka-storage.sh format -t MkU3OEVBNTcwNTJENDM2Qk -c ${properties}`,
      `exec /opt/kafka/bin/kafka-server-start.sh ${properties} --override num.partitions=3`,
    ].join(' && ');
    await using container = await Container.start([IMAGE, 'sh', '-c', script]);
    await healthy(container);
    await says(container, 'of cluster MkU3OEVBNTcwNTJENDM2Qk');
    await must(['docker', 'stop', '-t', STOP_WITHIN_SECONDS, container.id]);
    expect(await container.inspect('.State.ExitCode')).toBe(0);
  });

  test('kafka-server-start -daemon on a read-only root serves, and kafka-server-stop ends the node and nothing else', async () => {
    // Not process 1, which signals from inside do not reach. Its name is that of another program of the server's.
    const other = '/opt/odradek/node_modules/@odradek/server/dist/shell/storage-main.js';
    const script = `kafka-server-start.sh -daemon /opt/kafka/config/server.properties; (exec -a ${other} sleep 600) & wait; wait`;
    const limits = ['--read-only', '--tmpfs', '/tmp', '-v', '/var/lib/kafka/data', '--no-healthcheck'];
    await using container = await Container.start([...limits, IMAGE, 'bash', '-c', script]);
    await container.exec('cub', 'kafka-ready', '-b', 'localhost:9092', '1', '60');
    await says(container, 'kafkaServer.out cannot be written');
    await container.exec('kafka-server-stop.sh');
    const processes = (): Promise<string> => must(['docker', 'top', container.id, '-o', 'pid,args']);
    const isStopped = async (): Promise<boolean> => !(await processes()).includes('container/main.js');
    await eventually('the node has stopped', isStopped, READY_WITHIN_MS);
    expect(await processes()).toContain(other);
    await expect(container.exec('kafka-server-stop')).rejects.toThrow('no node runs here');
  });

  test('odradek start, quorum recover, and dump-log of the metadata find their programs', async () => {
    const config = '/opt/kafka/config/server.properties';
    const script = [
      `odradek start --config ${config} >/tmp/log & cub kafka-ready -b localhost:9092 1 60 || cat /tmp/log`,
      'kafka-server-stop; wait',
      `odradek quorum recover --from-survivor --config ${config}`,
      'kafka-dump-log --files /var/lib/kafka/data/__cluster_metadata-0 --cluster-metadata-decoder',
    ].join('\n');
    const { code, text } = await once([IMAGE, 'sh', '-e', '-c', script]);
    expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining('Survivor') });
    expect(text).toContain('REGISTER_BROKER_RECORD');
  });

  test('a topic is compacted, by the thread that is a program of its own', async () => {
    await using container = await Container.start(['-e', 'KAFKA_LOG_CLEANER_BACKOFF_MS=100', IMAGE]);
    await healthy(container);
    const configs = ['cleanup.policy=compact', 'min.cleanable.dirty.ratio=0.01', 'segment.ms=50'];
    const script = [
      `kafka-topics --bootstrap-server localhost:9092 --create --topic t ${configs.map((each) => `--config ${each}`).join(' ')}`,
      'for at in 1 2 3; do echo k:$at | kafka-console-producer --bootstrap-server localhost:9092 --topic t --property parse.key=true --property key.separator=:; done',
    ].join('\n');
    await container.exec('sh', '-e', '-c', script);
    const metrics = 'exec 3<>/dev/tcp/localhost/9644; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3';
    const isCompacted = async (): Promise<boolean> =>
      /^odradek_cleaner_runs_total\{[^}]*done[^}]*\} [1-9]/m.test(await container.exec('bash', '-c', metrics));
    await eventually('a compaction is done', isCompacted, READY_WITHIN_MS);
  });

  test('scripts that edit those of other images run as before', async () => {
    const script = [
      "sed -i '/KAFKA_ZOOKEEPER_CONNECT/d' /etc/confluent/docker/configure",
      "sed -i 's/cub zk-ready/echo ignore zk-ready/' /etc/confluent/docker/ensure",
      'echo "kafka-storage format --ignore-formatted -t $CLUSTER_ID -c /etc/kafka/kafka.properties" >> /etc/confluent/docker/ensure',
      'exec /etc/confluent/docker/run',
    ].join(' && ');
    const id = ['-e', 'CLUSTER_ID=MkU3OEVBNTcwNTJENDM2Qk'];
    await using container = await Container.start([...id, IMAGE, 'bash', '-c', script]);
    await healthy(container);
    await says(container, 'of cluster MkU3OEVBNTcwNTJENDM2Qk');
  });
});

/** kafkajs where users have it, on the host and on the project's network. */
const client = `${root}test/support/compose-client.ts`;
const kafkajs = dirname(realpathSync(createRequire(import.meta.url).resolve('kafkajs/package.json')));

async function fromHost<T>(...args: string[]): Promise<T> {
  return JSON.parse(await must([process.execPath, client, ...args])) as T;
}

async function fromContainer<T>({ network }: Project, ...args: string[]): Promise<T> {
  const mounts = ['-v', `${client}:/client/client.ts:ro`, '-v', `${kafkajs}:/client/node_modules/kafkajs:ro`];
  const docker = ['docker', 'run', '--rm', '--network', network, ...mounts, '--entrypoint', 'node', IMAGE];
  return JSON.parse(await must([...docker, '/client/client.ts', ...args])) as T;
}

const RECORDS = 50;
const keysOf = (...names: string[]): string[] =>
  names.flatMap((name) => Array.from({ length: RECORDS }, (_, at) => `${name}-${at}`)).toSorted();

describe.skipIf(projects.use === undefined || engine.use === undefined).each([
  {
    file: 'apache-kafka',
    made: 'kafka-init',
    topic: 'orders',
    host: 'localhost:29092,localhost:39092,localhost:49092',
    inside: 'kafka-1:19092',
  },
  { file: 'bitnami-kafka', made: 'topics', topic: 'clicks', host: 'localhost:29094', inside: 'kafka:9092' },
  { file: 'cp-kafka', made: 'init-kafka', topic: 'events', host: 'localhost:29392', inside: 'broker:29092' },
])(
  title('$file: its compose file with only image: changed', projects.missing === undefined ? engine : projects),
  (given) => {
    const directory = mkdtempSync(join(tmpdir(), 'odradek-project-'));
    let project: Project | undefined;

    beforeAll(async () => {
      if (projects.use === undefined) return;
      const theirs = readFileSync(join(import.meta.dirname, 'projects', `${given.file}.yml`), 'utf8');
      const path = join(directory, 'docker-compose.yml');
      writeFileSync(path, theirs.replaceAll(/^(\s+image:) .+$/gm, `$1 ${IMAGE}`));
      project = new Project({ command: projects.use, name: `odradek-test-${given.file}`, files: [path] });
      await project[Symbol.asyncDispose]();
      await project.compose('up', '-d');
    }, UP_WITHIN_MS);

    afterAll(async () => {
      await project?.[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    }, UP_WITHIN_MS);

    function there(): Project {
      if (project === undefined) throw new Error('the project is there for its tests, not before them');
      return project;
    }

    async function ended(service: string): Promise<number | undefined> {
      const { State } = await there().inspect(service);
      return State.Running
        ? undefined
        : Number(await must(['docker', 'inspect', '--format', '{{.State.ExitCode}}', await there().id(service)]));
    }

    async function topicsMade(): Promise<void> {
      const isMade = async (): Promise<boolean> => (await ended(given.made)) === 0;
      await eventually('the topics are made', isMade, READY_WITHIN_MS).catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await there().logs()}`);
      });
    }

    test('its health check passes and its topics are made', topicsMade);

    test('clients on the host and in containers read what both wrote', async () => {
      await fromHost('write', given.host, given.topic, 'host', String(RECORDS));
      await fromContainer(there(), 'write', given.inside, given.topic, 'container', String(RECORDS));
      const all = keysOf('container', 'host');
      expect((await fromHost<{ keys: string[] }>('read', given.host, given.topic, String(all.length))).keys).toEqual(
        all,
      );
    });

    test('down and up keep the data', async () => {
      await there().down();
      await there().compose('up', '-d');
      await topicsMade();
      const all = keysOf('container', 'host');
      expect((await fromHost<{ keys: string[] }>('read', given.host, given.topic, String(all.length))).keys).toEqual(
        all,
      );
    });
  },
);
