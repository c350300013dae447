import { pbkdf2Sync } from 'node:crypto';
import { ApiKey, ErrorCode, type RequestOf } from '@odradek/protocol';
import { expect, test } from 'vitest';
import { ScriptedBroker } from '../testing/scripted-broker.ts';
import { ClusterAdmin } from './cluster-admin.ts';
import { changeQuotas, changeScram, describeQuotas, describeScram } from './quotas.ts';

async function connected(broker: ScriptedBroker): Promise<ClusterAdmin> {
  return ClusterAdmin.connect({ of: 'brokers', bootstrap: broker.bootstrap }, 20_000);
}
const asked = <K extends ApiKey>(broker: ScriptedBroker, key: K): RequestOf<K> | undefined =>
  broker.asked.find((each) => each.key === key)?.request as RequestOf<K> | undefined;

test('a filter asks for a name, the default, or any name, and for nothing else', async () => {
  await using broker = await ScriptedBroker.listen();
  const entity = [
    { entityType: 'user', entityName: null },
    { entityType: 'client-id', entityName: 'c' },
  ];
  const values = [{ key: 'producer_byte_rate', value: 1024 }];
  broker.answers[ApiKey.DescribeClientQuotas] = () => ({
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    entries: [{ entity, values }],
  });
  const admin = await connected(broker);
  const found = await describeQuotas(admin, [
    { type: 'users', name: '' },
    { type: 'clients', name: undefined },
  ]);
  admin.close();
  expect(asked(broker, ApiKey.DescribeClientQuotas)).toEqual({
    components: [
      { entityType: 'user', matchType: 1, match: null },
      { entityType: 'client-id', matchType: 2, match: null },
    ],
    strict: true,
  });
  expect(found).toEqual([
    {
      entity: [
        { type: 'user', name: null },
        { type: 'client-id', name: 'c' },
      ],
      values,
    },
  ]);
});

test('a quota is set and another removed in one request; what is refused is told', async () => {
  await using broker = await ScriptedBroker.listen();
  const answer = (errorCode: number) => () => ({
    throttleTimeMs: 0,
    entries: [{ errorCode, errorMessage: errorCode === 0 ? null : 'too fine', entity: [] }],
  });
  broker.answers[ApiKey.AlterClientQuotas] = answer(ErrorCode.NONE);
  const admin = await connected(broker);
  const entities = [{ type: 'ips', name: '10.0.0.1' }] as const;
  const changes = [
    { name: 'connection_creation_rate', value: '5' },
    { name: 'old', value: null },
  ];
  await changeQuotas(admin, entities, changes);
  expect(asked(broker, ApiKey.AlterClientQuotas)?.entries).toEqual([
    {
      entity: [{ entityType: 'ip', entityName: '10.0.0.1' }],
      ops: [
        { key: 'connection_creation_rate', value: 5, remove: false },
        { key: 'old', value: 0, remove: true },
      ],
    },
  ]);
  broker.answers[ApiKey.AlterClientQuotas] = answer(ErrorCode.INVALID_REQUEST);
  await expect(changeQuotas(admin, entities, changes)).rejects.toThrow('INVALID_REQUEST: too fine');
  admin.close();
});

test('a password leaves this machine only as what its salt makes of it', async () => {
  await using broker = await ScriptedBroker.listen();
  broker.answers[ApiKey.AlterUserScramCredentials] = () => ({
    throttleTimeMs: 0,
    results: [{ user: 'alice', errorCode: 0, errorMessage: null }],
  });
  const admin = await connected(broker);
  const set = [{ mechanism: 'SCRAM-SHA-512', iterations: 4_096, password: 'secret' }] as const;
  await changeScram(admin, 'alice', { set, remove: ['SCRAM-SHA-256'] });
  admin.close();
  const sent = asked(broker, ApiKey.AlterUserScramCredentials);
  expect(sent?.deletions).toEqual([{ name: 'alice', mechanism: 1 }]);
  const [upsertion] = sent?.upsertions ?? [];
  const salted = pbkdf2Sync('secret', upsertion?.salt ?? Buffer.alloc(0), 4_096, 64, 'sha512');
  expect(upsertion).toMatchObject({ name: 'alice', mechanism: 2, iterations: 4_096 });
  expect(upsertion?.saltedPassword.equals(salted)).toBe(true);
});

test('users without credentials are left out, and the others told by mechanism', async () => {
  await using broker = await ScriptedBroker.listen();
  const none = { credentialInfos: [], errorMessage: null };
  broker.answers[ApiKey.DescribeUserScramCredentials] = () => ({
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    results: [
      { user: 'alice', errorCode: 0, errorMessage: null, credentialInfos: [{ mechanism: 1, iterations: 8_192 }] },
      { user: 'bob', errorCode: ErrorCode.RESOURCE_NOT_FOUND, ...none },
    ],
  });
  const admin = await connected(broker);
  expect(await describeScram(admin, undefined)).toEqual([
    { user: 'alice', credentials: [{ mechanism: 'SCRAM-SHA-256', iterations: 8_192 }], error: undefined },
  ]);
  admin.close();
});
