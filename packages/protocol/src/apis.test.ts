import { expect, test } from 'vitest';
import { ApiKey, apiByKey, apis, requestSchema, responseSchema } from './apis.ts';
import { holdsVersion } from './schema.ts';
import { vectorsOf } from './testing/vectors.ts';

test('the table agrees with the schemas of its requests and responses', () => {
  for (const api of apis) {
    for (const [schema, kind] of [
      [api.request, 'request'],
      [api.response, 'response'],
    ] as const) {
      expect(schema).toMatchObject({ kind, id: api.key, minVersion: api.min, maxVersion: api.max });
      expect(schema.flexible).toBe(api.flexibleFrom === undefined ? 'none' : `${api.flexibleFrom}+`);
    }
  }
});

test("the table's header versions are those that Kafka's vectors were made with", () => {
  for (const vector of vectorsOf('golden.jsonl.gz')) {
    const api = apis.find(({ request }) => request.name === vector['message']);
    if (api === undefined) continue;
    const flexible = holdsVersion(api.request.flexible, vector['version'] as number);
    expect(vector['headerVersion']).toBe(flexible ? 2 : 1);
  }
});

test("keys: Kafka's 89 living ones and three of our own, each once; 4 to 7 are gone", () => {
  expect(new Set(apis.map(({ key }) => key)).size).toBe(92);
  expect(Object.keys(ApiKey).length).toBe(92);
  expect(apis.filter(({ own }) => own).map(({ key }) => key)).toEqual([10_000, 10_001, 10_002]);
  for (const gone of [-1, 4, 5, 6, 7, 93, 1.5, 9_999, 10_003]) expect(apiByKey(gone)).toBeUndefined();
  expect(requestSchema(ApiKey.Fetch).name).toBe('FetchRequest');
  expect(responseSchema(ApiKey.Fetch).name).toBe('FetchResponse');
});

test('advertised: Produce from 0, nothing unstable, otherwise what is answered', () => {
  expect(apiByKey(ApiKey.Produce).advertised).toEqual({ min: 0, max: 13 });
  expect(apiByKey(ApiKey.InitProducerId)).toMatchObject({ max: 6, advertised: { min: 0, max: 5 } });
  for (const api of apis) {
    if (api.key === ApiKey.Produce) continue;
    expect(api.advertised).toEqual({ min: api.min, max: api.maxStable });
  }
});
