import { AssertionError, levelled, limits, LoggerLevels, MetricsRegistry, StorageFault } from '@odradek/base';
import { drain } from '@odradek/base/testing';
import { ApiKey, apis, apiByKey, encodeRequest, ErrorCode, holdsVersion } from '@odradek/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allowAll, type Authorizer } from '../core/authorizer.ts';
import { type AnyHandler, Gate, type Handlers } from '../gate.ts';
import { advertised, handlers } from '../handlers/registry.ts';
import { KafkaClient } from '../testing/kafka-client.ts';
import { collectingLog, type Line, listen, type Listening } from '../testing/listening.ts';
import { startSimNode } from '../testing/node.ts';
import { Requests } from './requests.ts';

const head = (apiKey: number, apiVersion: number, clientId = 'me'): Buffer => {
  const frame = Buffer.alloc(14 + clientId.length);
  frame.writeInt32BE(10 + clientId.length, 0);
  frame.writeInt16BE(apiKey, 4);
  frame.writeInt16BE(apiVersion, 6);
  frame.writeInt32BE(77, 8);
  frame.writeInt16BE(clientId.length, 12);
  frame.write(clientId, 14);
  return frame;
};

/** With the tagged section that ends a flexible header. */
const flexible = (apiKey: number, apiVersion: number): Buffer => {
  const frame = Buffer.concat([head(apiKey, apiVersion), Buffer.from([0])]);
  frame.writeInt32BE(frame.length - 4, 0);
  return frame;
};

test('gate: ApiVersions tells our own clients exactly the handlers there are, in the ranges of the API table, Produce from 0', async () => {
  const node = await startSimNode();
  const { apiKeys, errorCode } = await node.connect().request(ApiKey.ApiVersions, 4, {
    clientSoftwareName: 'odradek-test',
    clientSoftwareVersion: '1.0',
  });
  expect(errorCode).toBe(ErrorCode.NONE);
  expect(apiKeys.map(({ apiKey }) => apiKey)).toEqual([...handlers.keys()]);
  for (const { apiKey, minVersion, maxVersion } of apiKeys) {
    const row = apiByKey(apiKey);
    expect([minVersion, maxVersion]).toEqual([apiKey === ApiKey.Produce ? 0 : row?.min, row?.maxStable]);
  }
  await node.close();
});

test('gate: every API that is told is answered in every version that is told, with an empty request of that version', async () => {
  const node = await startSimNode();
  const from = (key: number, min: number): number => (key === ApiKey.Produce ? 3 : min);
  const answered: string[] = [];
  for (const { key, min, max } of advertised) {
    for (let version = from(key, min); version <= max; version += 1) {
      const row = apiByKey(key);
      if (row === undefined) continue;
      const client = node.connect();
      const head = { correlationId: 5, clientId: 'x' };
      const frame = Buffer.concat(encodeRequest(row.key, version, head, emptyRequest(row.key, version)));
      const answers: Buffer[] = [];
      client.raw(frame).then(
        (answer) => answers.push(answer),
        () => {},
      );
      // Joining a group waits for other members: time that passes here and nowhere else.
      for (let waitedMs = 0; waitedMs < 10_000 && answers.length === 0; waitedMs += 500) await node.clock.advance(500);
      expect(answers[0]?.readInt32BE(0), `${row.name} ${version}`).toBe(5);
      answered.push(`${key}/${version}`);
      client.close();
    }
  }
  expect(answered.length).toBeGreaterThan(150);
  expect(node.bugs).toEqual([]);
  expect(node.lines.filter(({ level }) => level === 'error')).toEqual([]);
  await node.close();
});

/** What the encoder asks for where a field has no default; everything else is left at its default. */
function emptyRequest(key: ApiKey, version: number): never {
  const fields = apiByKey(key).request.fields;
  const value = (type: string): unknown => {
    switch (type) {
      case 'bool':
        return false;
      case 'string':
        return 'x';
      case 'array':
        return [];
      case 'bytes':
      case 'records':
        return Buffer.alloc(0);
      default:
        return 0;
    }
  };
  // Acks 0 of Produce would have no answer.
  const body: Record<string, unknown> = key === ApiKey.Produce ? { acks: 1 } : {};
  for (const [name, field] of Object.entries(fields)) {
    if (
      !(name in body) &&
      holdsVersion(field.versions, version) &&
      field.options.default === undefined &&
      field.options.tag === undefined &&
      field.type !== 'uuid'
    ) {
      body[name] = value(field.type);
    }
  }
  return body as never;
}

test('gate: ApiVersions from the future is answered in version 0 with error 35 and the versions of ApiVersions', async () => {
  const node = await startSimNode();
  for (const version of [5, 99, 32_767]) {
    const answer = await node.connect().raw(head(ApiKey.ApiVersions, version));
    // correlation id, error code, one key: 18 from 0 to 4
    expect(answer.toString('hex')).toBe('0000004d' + '0023' + '00000001' + '001200000004');
  }
  await node.close();
});

test.for([
  ['an API key that does not exist', head(999, 0), 'unknown-api', /no API with key 999/],
  ['an API of old', head(4, 0), 'unknown-api', /key 4/],
  ['an API for controllers', flexible(ApiKey.Vote, 0), 'unknown-api', /controllers/],
  ['an API that is not built', flexible(ApiKey.AddPartitionsToTxn, 3), 'unknown-api', /AddPartitionsToTxn/],
  ['a version from the future', head(ApiKey.Metadata, 99), 'unsupported-version', /Metadata version 99.*0 to 13/],
  ['Produce of old, advertised as it is', head(ApiKey.Produce, 2), 'unsupported-version', /Produce version 2.*3 to 13/],
  ['a negative version', head(ApiKey.Metadata, -1), 'unsupported-version', /version -1/],
  ['a frame without a header', Buffer.from([0, 0, 0, 2, 0, 3]), 'undecodable', /2 bytes/],
  ['a body that ends early', head(ApiKey.Metadata, 4), 'undecodable', /MetadataRequest/],
] as const)('gate: %s closes the connection, named in log and metric', async ([, bytes, kind, words]) => {
  const node = await startSimNode();
  await expect(node.connect().raw(bytes)).rejects.toThrow('closed');
  expect(node.metrics.value('odradek_misuse_total', { kind })).toBe(1);
  expect(node.lines.at(-1)?.message).toMatch(words);
  await node.close();
});

test('gate: a SASL client on a plaintext listener is told ILLEGAL_SASL_STATE in its own words, and named', async () => {
  const node = await startSimNode();
  const client = node.connect('sasl-app');
  const handshake = await client.request(ApiKey.SaslHandshake, 1, { mechanism: 'PLAIN' });
  expect(handshake).toEqual({ errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] });
  const authenticate = await client.request(ApiKey.SaslAuthenticate, 2, { authBytes: Buffer.from('\0u\0p') });
  expect(authenticate.errorCode).toBe(ErrorCode.ILLEGAL_SASL_STATE);
  expect(node.lines.at(-1)?.fields).toMatchObject({ misuse: 'sasl-on-plaintext', client: 'sasl-app' });
  expect(node.lines.at(-1)?.message).toContain('security.protocol=PLAINTEXT');
  await node.close();
});

test('gate: bytes after a request are let pass, as Kafka does', async () => {
  const node = await startSimNode();
  const body = Buffer.concat([head(ApiKey.Metadata, 1), Buffer.from('00000000' + '7a7a7a7a', 'hex')]);
  body.writeInt32BE(body.length - 4, 0);
  expect((await node.connect().raw(body)).readInt32BE(0)).toBe(77);
  await node.close();
});

test('requests: no frame that a hostile client can send stops the broker', async () => {
  const node = await startSimNode();
  const key = fc.constantFrom(...apis.map((api) => api.key));
  const frames = fc.record({ key, version: fc.integer({ min: -2, max: 20 }), body: fc.uint8Array({ maxLength: 80 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(frames, { minLength: 1, maxLength: 5 }), async (sent) => {
      const client = node.connect();
      for (const { key: apiKey, version, body } of sent) {
        const frame = Buffer.concat([head(apiKey, version), body]);
        frame.writeInt32BE(frame.length - 4, 0);
        void client.raw(frame).catch(() => {});
      }
      await drain();
      client.close();
      expect(node.bugs).toEqual([]);
    }),
    { numRuns: 300 },
  );
  const { apiKeys } = await node.connect().request(ApiKey.ApiVersions, 0, {});
  expect(apiKeys.length).toBe(Array.from(handlers.keys()).filter((each) => apiByKey(each)?.own === false).length);
  await node.close();
});

type Toy = {
  readonly at: Listening;
  readonly client: KafkaClient;
  readonly bugs: unknown[];
  readonly lines: () => string[];
  readonly said: readonly Line[];
  readonly metrics: MetricsRegistry;
  readonly levels: LoggerLevels;
};

/** One handler of a test's own behind the real gate, on a simulated network. */
async function toy(handler: AnyHandler, authorizer: Authorizer = allowAll): Promise<Toy> {
  const bugs: unknown[] = [];
  const { log, lines } = collectingLog();
  const metrics = new MetricsRegistry();
  const levels = new LoggerLevels();
  const toys: Handlers = new Map([[ApiKey.ListConfigResources as number, handler]]);
  let requests: Requests | undefined;
  const at = await listen({
    limits: limits.production,
    onBegun: ({ frame, connection, slot }) => requests?.start(frame, connection, slot),
  });
  requests = new Requests({
    gate: new Gate(toys, authorizer),
    // The handlers of these tests touch no service.
    services: {} as never,
    clock: at.clock,
    log: levelled(log, levels),
    levels,
    metrics,
    bug: (error) => void bugs.push(error),
  });
  const client = new KafkaClient(at.connect().socket);
  return { at, client, bugs, lines: () => lines.map(({ message }) => message), said: lines, metrics, levels };
}

const ask = (client: KafkaClient): Promise<{ readonly errorCode: number }> =>
  client.request(ApiKey.ListConfigResources, 1, {});
const answered = { throttleTimeMs: 0, errorCode: 0, configResources: [] };
const refused: AnyHandler['refused'] = (_request, errorCode) => ({ ...answered, errorCode });

test.for([
  ['a storage fault', () => new StorageFault('/data/t-0/0.log', { code: 'EIO' }), ErrorCode.KAFKA_STORAGE_ERROR],
  ['another error', () => new TypeError('cannot read x of undefined'), ErrorCode.UNKNOWN_SERVER_ERROR],
] as const)(
  'requests: %s in a handler becomes its code in the form of the API, thrown or rejected',
  async ([, fault, code]) => {
    for (const fail of [
      () => Promise.reject(fault()),
      () => {
        throw fault();
      },
    ]) {
      // prettier-ignore
      const { client, bugs, lines } = await toy({ handle: fail, refused });
      expect((await ask(client)).errorCode).toBe(code);
      expect((await ask(client)).errorCode).toBe(code);
      expect([bugs, client.closed]).toEqual([[], false]);
      expect(lines()[0]).toContain('ListConfigResources failed');
    }
  },
);

test('requests: a fault in a handler that has no form for it closes the connection', async () => {
  const { client, at } = await toy({ handle: () => Promise.reject(new Error('lost')) });
  await expect(ask(client)).rejects.toThrow('closed');
  expect(at.listeners.heldBytes).toBe(0);
});

test('requests: a broken claim in a handler stops the process instead of being answered', async () => {
  const { client, bugs } = await toy({ handle: () => { throw new AssertionError('water is wet'); }, refused }); // prettier-ignore
  void ask(client).catch(() => {});
  await drain();
  expect(bugs.map(String)).toEqual(['AssertionError: broken claim: water is wet']);
});

test('requests: an answer that its version cannot carry closes the connection and is logged, and other requests go on', async () => {
  const { client, lines, at } = await toy({
    handle: () => ({ ...answered, configResources: [{ resourceName: 5 }] }),
    refused: () => ({ errorCode: 'no' }),
  });
  await expect(ask(client)).rejects.toThrow('closed');
  expect(lines().join()).toContain('not even its failure could be answered');
  expect(at.listeners.heldBytes).toBe(0);
});

test('requests: what the caller is not allowed never reaches the handler', async () => {
  let handled = 0;
  const nobody: Authorizer = { ...allowAll, allows: (_principal, _host, { resource }) => resource !== 'cluster' };
  const handler: AnyHandler = {
    needs: () => [{ resource: 'cluster', name: 'kafka-cluster', operation: 'describeConfigs' }],
    handle: () => ((handled += 1), answered),
    refused,
  };
  const { client } = await toy(handler, nobody);
  expect((await ask(client)).errorCode).toBe(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  expect(handled).toBe(0);
  expect((await ask((await toy(handler)).client)).errorCode).toBe(ErrorCode.NONE);
});

const API = 'ListConfigResources';

test('requests: what a request took is told by phase: until it began, work on it, and the wait for others', async () => {
  const waits = Promise.withResolvers<typeof answered>();
  const { client, at, metrics } = await toy({ handle: () => waits.promise });
  const asked = ask(client);
  await drain();
  await at.clock.advance(40);
  waits.resolve(answered);
  await asked;
  const sum = (phase: string): number => {
    const { samples } = metrics.family('odradek_request_phase_seconds');
    const of = samples.find(({ suffix, labels }) => suffix === '_sum' && labels['phase'] === phase);
    return of?.value ?? Number.NaN;
  };
  expect([sum('queue'), sum('local'), sum('remote')]).toEqual([0, 0, 0.04]);
  const total = metrics.family('odradek_request_seconds').samples.find(({ suffix }) => suffix === '_sum');
  expect(total).toMatchObject({ labels: { api: API }, value: 0.04 });
});

test('requests: one that waits for others of its connection waits in the queue', async () => {
  const first = Promise.withResolvers<typeof answered>();
  const answers = [first.promise, Promise.resolve(answered)];
  const mostBytes = limits.production.connectionQueuedBytesMax;
  const { client, at, metrics } = await toy({
    handle: () => answers.shift() ?? answered,
    answerBytesMax: () => mostBytes,
  });
  const both = [ask(client), ask(client)];
  await drain();
  await at.clock.advance(30);
  first.resolve(answered);
  await Promise.all(both);
  const { samples } = metrics.family('odradek_request_phase_seconds');
  const queued = samples.find(({ suffix, labels }) => suffix === '_sum' && labels['phase'] === 'queue');
  expect(queued?.value).toBe(0.03);
});

test('requests: the sizes of a request and its answer are told by API, and go into the bytes of all', async () => {
  const { client, metrics } = await toy({ handle: () => answered });
  for (let sent = 0; sent < 3; sent += 1) await ask(client);
  const told = (name: 'odradek_request_size_bytes' | 'odradek_response_size_bytes') => {
    const { samples } = metrics.family(name);
    const of = (wanted: string) => samples.find(({ suffix, labels }) => suffix === wanted && labels['api'] === API);
    return { count: of('_count')?.value, bytes: of('_sum')?.value ?? 0 };
  };
  // Each message has four bytes before it.
  const requests = told('odradek_request_size_bytes');
  expect(requests).toEqual({ count: 3, bytes: metrics.value('odradek_request_bytes_total', {}) - 3 * 4 });
  const answers = told('odradek_response_size_bytes');
  expect(answers).toEqual({ count: 3, bytes: metrics.value('odradek_response_bytes_total', {}) - 3 * 4 });
  expect(answers.bytes).toBeGreaterThan(0);
});

test('requests: they are counted by version, and the error codes of their answers by name', async () => {
  const codes = [ErrorCode.NONE, ErrorCode.UNSUPPORTED_VERSION, ErrorCode.UNSUPPORTED_VERSION];
  const { client, metrics } = await toy({ handle: () => ({ ...answered, errorCode: codes.shift() ?? 0 }) });
  for (let sent = 0; sent < 4; sent += 1) await ask(client);
  expect(metrics.value('odradek_requests_total', { api: API, version: '1' })).toBe(4);
  expect(metrics.value('odradek_requests_total', { api: API, version: '0' })).toBe(0);
  expect(metrics.value('odradek_request_errors_total', { api: API, error: 'UNSUPPORTED_VERSION' })).toBe(2);
  expect(metrics.family('odradek_request_errors_total').samples).toHaveLength(1);
});

test('requests: one that fails is one error, with or without a form for it', async () => {
  for (const form of [{ refused }, {}]) {
    const { client, metrics } = await toy({ handle: () => Promise.reject(new Error('lost')), ...form });
    await ask(client).catch(() => undefined);
    expect(metrics.value('odradek_request_errors_total', { api: API, error: 'UNKNOWN_SERVER_ERROR' })).toBe(1);
  }
});

test('requests: a line for each is there from the moment that its logger is set to DEBUG, until it is set back', async () => {
  const { client, levels, said } = await toy({ handle: () => answered });
  await ask(client);
  levels.set('kafka.request.logger', 'DEBUG');
  await ask(client);
  levels.set('kafka.request.logger', null);
  await ask(client);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatchObject({
    level: 'debug',
    message: `${API} v1 is answered after 0 ms`,
    fields: { api: API, version: 1, listener: 'PLAINTEXT', principal: 'User:ANONYMOUS', totalMs: 0, remoteMs: 0 },
  });
  expect(said[0]?.fields['request']).toMatch(/^PLAINTEXT-1-\d+$/);
  expect(said[0]?.fields['responseBytes']).toBeGreaterThan(8);
});

test('requests: two requests have two ids, on one connection and on two, and a failure tells its own', async () => {
  const ids: string[] = [];
  const { client, at, said } = await toy({
    handle: (_request, _services, { requestId }) => {
      ids.push(requestId);
      if (ids.length === 3) throw new Error('lost');
      return answered;
    },
    refused,
  });
  await ask(client);
  await ask(client);
  await ask(new KafkaClient(at.connect().socket));
  expect(new Set(ids).size).toBe(3);
  expect(said.at(-1)?.fields['request']).toBe(ids[2]);
});
