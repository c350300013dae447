/**
 * Messages a second through the codec: Produce and Fetch at their newest version with one partition of 16 KiB. `node
 * bench/codec.ts`
 */
import {
  ApiKey,
  apiByKey,
  buildBatch,
  decodeRequestBody,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../src/index.ts';
import type { RequestInput, ResponseInput } from '../src/index.ts';

const GOAL_PER_SECOND = 200_000;
const BATCH_BYTES = 16 * 1_024;
const ROUND_MS = 250;
const ROUNDS = 5;
const CHECK_EVERY = 256;

const topicId = 'oXhcLyfuQSKUTFTc9sBmMA';
const records = buildBatch({}, [{ timestampMs: 1_700_000_000_000, value: Buffer.alloc(BATCH_BYTES - 80, 'a') }]);
const produceVersion = apiByKey(ApiKey.Produce).max;
const fetchVersion = apiByKey(ApiKey.Fetch).max;
const head = { correlationId: 7, clientId: 'producer-1' };

const produceRequest: RequestInput<typeof ApiKey.Produce> = {
  acks: -1,
  timeoutMs: 30_000,
  topicData: [{ topicId, partitionData: [{ index: 3, records }] }],
};
const produceResponse: ResponseInput<typeof ApiKey.Produce> = {
  responses: [{ topicId, partitionResponses: [{ index: 3, errorCode: 0, baseOffset: 4_711 }] }],
  throttleTimeMs: 0,
};
const fetchRequest: RequestInput<typeof ApiKey.Fetch> = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 52_428_800,
  isolationLevel: 0,
  sessionId: 42,
  sessionEpoch: 9,
  topics: [{ topicId, partitions: [{ partition: 3, fetchOffset: 4_711, partitionMaxBytes: 1_048_576 }] }],
  rackId: '',
  forgottenTopicsData: [],
};
const fetchResponse: ResponseInput<typeof ApiKey.Fetch> = {
  throttleTimeMs: 0,
  sessionId: 42,
  responses: [
    {
      topicId,
      partitions: [
        {
          partitionIndex: 3,
          errorCode: 0,
          highWatermark: 5_000,
          lastStableOffset: 5_000,
          abortedTransactions: null,
          records,
        },
      ],
    },
  ],
};

const frameOf = (chunks: Buffer[]): Buffer => Buffer.concat(chunks).subarray(4);
const produceFrame = frameOf(encodeRequest(ApiKey.Produce, produceVersion, head, produceRequest));
const fetchFrame = frameOf(encodeRequest(ApiKey.Fetch, fetchVersion, head, fetchRequest));
const produceAnswer = frameOf(encodeResponse(ApiKey.Produce, produceVersion, 7, produceResponse));
const fetchAnswer = frameOf(encodeResponse(ApiKey.Fetch, fetchVersion, 7, fetchResponse));

function decodeRequest(apiKey: ApiKey, frame: Buffer): boolean {
  const header = decodeRequestHeader(frame);
  return header.ok && decodeRequestBody(apiKey, frame, header.value).ok;
}

/** What a broker does (first four), and what a client does. Each includes its header. */
const works: [string, () => boolean][] = [
  ['Produce request decode', () => decodeRequest(ApiKey.Produce, produceFrame)],
  ['Produce response encode', () => encodeResponse(ApiKey.Produce, produceVersion, 7, produceResponse).length > 0],
  ['Fetch request decode', () => decodeRequest(ApiKey.Fetch, fetchFrame)],
  ['Fetch response encode', () => encodeResponse(ApiKey.Fetch, fetchVersion, 7, fetchResponse).length > 0],
  ['Produce request encode', () => encodeRequest(ApiKey.Produce, produceVersion, head, produceRequest).length > 0],
  ['Produce response decode', () => decodeResponse(ApiKey.Produce, produceVersion, produceAnswer).ok],
  ['Fetch request encode', () => encodeRequest(ApiKey.Fetch, fetchVersion, head, fetchRequest).length > 0],
  ['Fetch response decode', () => decodeResponse(ApiKey.Fetch, fetchVersion, fetchAnswer).ok],
];

/** The best of a few rounds after one to warm up: the machine is shared. */
function perSecond(work: () => boolean): number {
  let best = 0;
  for (let round = 0; round <= ROUNDS; round += 1) {
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < ROUND_MS) {
      for (let i = 0; i < CHECK_EVERY; i += 1) if (!work()) throw new Error('the benchmark does not do its work');
      count += CHECK_EVERY;
      elapsed = performance.now() - start;
    }
    if (round > 0) best = Math.max(best, (count / elapsed) * 1_000);
  }
  return best;
}

let missed = 0;
console.log(
  `goal ${GOAL_PER_SECOND.toLocaleString('en')} messages/s; Produce v${produceVersion}, Fetch v${fetchVersion}, 16 KiB`,
);
for (const [name, work] of works) {
  const rate = perSecond(work);
  if (rate < GOAL_PER_SECOND) missed += 1;
  const verdict = rate < GOAL_PER_SECOND ? 'MISSED' : 'ok';
  console.log(`${name.padEnd(26)} ${Math.round(rate).toLocaleString('en').padStart(12)}/s  ${verdict}`);
}
process.exitCode = missed === 0 ? 0 : 1;
