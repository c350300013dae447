import { limits, MetricsRegistry, refuse } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ErrorCode } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { startHttp } from './http.ts';
import type { GroupInsight, Health } from './http.ts';

const noGroups: GroupInsight = {
  lag: () => Promise.resolve(refuse(ErrorCode.NOT_COORDINATOR, 'another node has it')),
  explain: () => Promise.resolve(refuse(ErrorCode.GROUP_ID_NOT_FOUND, 'there is none')),
};

const common = { host: '127.0.0.1', clock: systemPorts().clock, limits: limits.tiny, groups: () => noGroups };

async function served(
  health: Health,
  metrics = new MetricsRegistry(),
  whyNotStop: () => string | undefined = () => undefined,
) {
  const server = await startHttp({ ...common, port: 0, metrics, health: () => health, whyNotStop });
  return {
    get: (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`),
    port: server.port,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

test('http: probes answer 200 while the node is well and 503 with the reason when it is not', async () => {
  await using well = await served({ live: true, ready: true, why: 'serving' });
  expect((await well.get('/livez')).status).toBe(200);
  expect((await well.get('/readyz')).status).toBe(200);
  await using stopping = await served({ live: true, ready: false, why: 'stopping' });
  expect((await stopping.get('/livez')).status).toBe(200);
  const answer = await stopping.get('/readyz');
  expect([answer.status, await answer.json()]).toEqual([503, { ready: false, why: 'stopping' }]);
});

test('http: /metrics shows what was counted, in the Prometheus text form, with the process figures', async () => {
  const metrics = new MetricsRegistry();
  metrics.counter('odradek_requests_total', { api: 'Produce', version: '9' }).inc(2);
  metrics.histogram('odradek_request_seconds', { api: 'Produce' }).observe(0.004);
  await using node = await served({ live: true, ready: true, why: '' }, metrics);
  const answer = await node.get('/metrics');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  const lines = (await answer.text()).split('\n');
  expect(lines).toContain('# TYPE odradek_requests_total counter');
  expect(lines).toContain('odradek_requests_total{api="Produce",version="9"} 2');
  expect(lines).toContain('odradek_request_seconds_bucket{api="Produce",le="0.005"} 1');
  expect(lines).toContain('odradek_request_seconds_count{api="Produce"} 1');
  expect(lines.some((line) => line.startsWith('nodejs_eventloop_lag_p99_seconds '))).toBe(true);
  metrics.gauge('odradek_partitions', { state: 'leading' }).set(7);
  expect(await (await node.get('/metrics')).text()).toContain('odradek_partitions{state="leading"} 7');
});

test('http: /stopz keeps who asks waiting until the node may stop, and says why it may not', async () => {
  let looks = 0;
  const third = (): string | undefined => ((looks += 1) < 3 ? 't-0 is under-replicated' : undefined);
  await using node = await served({ live: true, ready: true, why: '' }, new MetricsRegistry(), third);
  const now = await node.get('/stopz');
  expect([now.status, await now.json()]).toEqual([503, { mayStop: false, why: 't-0 is under-replicated' }]);
  const later = await node.get('/stopz?waitMs=1000');
  expect([later.status, await later.json(), looks]).toEqual([
    200,
    { mayStop: true, why: 'nothing is missing elsewhere' },
    3,
  ]);
  expect((await node.get('/stopz?waitMs=soon')).status).toBe(400);
});

test('http: a port in use is told with its code, an unknown path is a 404', async () => {
  await using node = await served({ live: true, ready: true, why: '' });
  expect((await node.get('/')).status).toBe(404);
  const again = startHttp({
    ...common,
    port: node.port,
    metrics: new MetricsRegistry(),
    health: () => ({ live: true, ready: true, why: '' }),
    whyNotStop: () => undefined,
  });
  await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('http: what a node cannot tell of a group has a status and a sentence of its own', async () => {
  await using node = await served({ live: true, ready: true, why: '' });
  const lag = await node.get('/groups/a%2Fb/lag');
  expect([lag.status, await lag.json()]).toEqual([421, { error: 'NOT_COORDINATOR', why: 'another node has it' }]);
  const history = await node.get('/groups/g/history?limit=2');
  expect([history.status, await history.json()]).toEqual([404, { error: 'GROUP_ID_NOT_FOUND', why: 'there is none' }]);
  for (const limit of ['many', '', '-2', '1.5', '0x10', '1e3', '%201', '9999999999', '1&limit=2']) {
    const refused = await node.get(`/groups/g/history?limit=${limit}`);
    expect([limit, refused.status, await refused.json()]).toMatchObject([limit, 400, { error: 'INVALID_REQUEST' }]);
  }
  for (const limit of ['0', '-1']) expect((await node.get(`/groups/g/history?limit=${limit}`)).status).toBe(404);
});

test('http: a group may have a long name, and one of any characters', async () => {
  await using node = await served({ live: true, ready: true, why: '' });
  for (const name of ['g'.repeat(10_000), '\u00e4\u20ac\ud83d\ude00'.repeat(50), '../%2e%\n"', '__proto__'])
    expect((await node.get(`/groups/${encodeURIComponent(name)}/lag`)).status).toBe(421);
  expect((await node.get('/groups/%/lag')).status).toBe(400);
});
