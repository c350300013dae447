/**
 * Who is behind an address: a Kafka broker, one that wants TLS or SASL first, an HTTP server, somebody who says nothing. Asks as little as
 * tells it, each time on a connection of its own, because whoever does not understand may take no second question.
 */
import { lookup } from 'node:dns/promises';
import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ApiKey, ConfigResourceType, encodeRequest, ErrorCode } from '@odradek/protocol';
import type { Dialled, Met, Place } from '../../core/doctor/facts.ts';
import { showAddress, type Address } from '../../core/options.ts';
import { AdminConnection } from '../admin-connection.ts';
import { systemCode } from '../client.ts';
import { VALUES_ONLY } from './node.ts';

/** ApiVersions that every broker since 0.11 answers, or answers with a refusal in the same form. */
const PROBE_VERSION = 0;
const PROBE_CORRELATION_ID = 0x0d_0d_ad_ec;
const FRAME_HEAD_BYTES = 8;
const SHOWN_BYTES = 16;
/** Whoever understands a question answers it sooner. */
const SECOND_QUESTION_MS = 2_000;
const ADDRESSES_OF_A_NAME_MAX = 8;
const CANDIDATES_MAX = 64;

export type Meeting = {
  readonly timeoutMs: number;
  /** Brokers that it may be; the likeliest first. */
  readonly candidates: readonly number[];
  /** Who was met already and is no broker that answers: nobody is waited for twice. */
  readonly known?: Map<string, Met>;
};

/** Looks a name up as any program here would, and meets whoever is behind each of its addresses. */
export async function meetPlace({ host, port }: Address, meeting: Meeting): Promise<Place> {
  let ips: string[];
  try {
    ips = (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address);
  } catch (error) {
    return { host, port, unresolved: systemCode(error), dialled: [] };
  }
  const some = [...new Set(ips)].slice(0, ADDRESSES_OF_A_NAME_MAX);
  const dialled = some.map(async (ip): Promise<Dialled> => ({ ip, met: await meetOnce({ host: ip, port }, meeting) }));
  return { host, port, unresolved: undefined, dialled: await Promise.all(dialled) };
}

async function meetOnce(at: Address, meeting: Meeting): Promise<Met> {
  const before = meeting.known?.get(showAddress(at));
  if (before !== undefined) return before;
  const met = await meet(at, meeting);
  if (met.kind !== 'kafka') meeting.known?.set(showAddress(at), met);
  return met;
}

async function meet(at: Address, meeting: Meeting): Promise<Met> {
  const { timeoutMs } = meeting;
  const answer = await firstBytes(at, timeoutMs, apiVersionsProbe());
  if ('cause' in answer) return { kind: 'unreached', cause: answer.cause };
  if (isKafka(answer.bytes)) return meetKafka(at, meeting);
  if (isTls(answer.bytes)) return { kind: 'tls' };
  if (isHttp(answer.bytes)) return { kind: 'http' };
  if (answer.bytes.length > 0) return { kind: 'foreign', firstBytes: shown(answer.bytes) };
  const againMs = Math.min(timeoutMs, SECOND_QUESTION_MS);
  const [isTlsThere, toHttp] = await Promise.all([
    answersTls(at, againMs),
    firstBytes(at, againMs, Buffer.from('GET / HTTP/1.0\r\n\r\n')),
  ]);
  if (isTlsThere) return { kind: 'tls' };
  return 'bytes' in toHttp && isHttp(toHttp.bytes) ? { kind: 'http' } : { kind: 'silent' };
}

function apiVersionsProbe(): Buffer {
  const header = { correlationId: PROBE_CORRELATION_ID, clientId: 'odradek-doctor' };
  return Buffer.concat(encodeRequest(ApiKey.ApiVersions, PROBE_VERSION, header, {}));
}

function isKafka(bytes: Buffer): boolean {
  return bytes.length >= FRAME_HEAD_BYTES && bytes.readInt32BE(4) === PROBE_CORRELATION_ID;
}

/** A record of TLS: an alert, or a handshake. */
function isTls(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 0x03;
}

function isHttp(bytes: Buffer): boolean {
  return bytes.subarray(0, 5).toString('latin1') === 'HTTP/';
}

function shown(bytes: Buffer): string {
  const some = bytes.subarray(0, SHOWN_BYTES);
  const text = some.toString('latin1');
  return /^[\x20-\x7e\r\n\t]+$/.test(text) ? JSON.stringify(text) : some.toString('hex');
}

type Answer = { readonly bytes: Buffer } | { readonly cause: string };

/** @returns what comes first, empty when nothing comes before the connection ends or the time is over */
function firstBytes(at: Address, timeoutMs: number, question: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    let isConnected = false;
    let bytes: Buffer = Buffer.alloc(0);
    const socket = createConnection({ ...at, noDelay: true });
    const end = (answer: Answer): void => {
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end(isConnected ? { bytes } : { cause: 'ETIMEDOUT' }));
    socket.once('connect', () => {
      isConnected = true;
      socket.write(question);
    });
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= FRAME_HEAD_BYTES) end({ bytes });
    });
    socket.once('close', () => end({ bytes }));
    socket.once('error', (error) => end(isConnected ? { bytes } : { cause: systemCode(error) }));
  });
}

/** Whether a handshake of TLS gets anywhere, whatever certificates there are. */
function answersTls({ host, port }: Address, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false });
    const end = (answers: boolean): void => {
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once('secureConnect', () => end(true));
    socket.once('close', () => end(false));
    // An alert of the other side is TLS too: it wants a certificate, or a version that is not spoken here.
    socket.once('error', (error: NodeJS.ErrnoException) => end(/ALERT/.test(error.code ?? '')));
  });
}

async function meetKafka(at: Address, meeting: Meeting): Promise<Met> {
  let connection: AdminConnection;
  try {
    connection = await AdminConnection.open(at, meeting.timeoutMs);
  } catch {
    return { kind: 'silent' };
  }
  try {
    if (!connection.speaks(ApiKey.Metadata)) return { kind: 'controller' };
    return await introduced(connection, meeting);
  } catch {
    return await whyClosed(at, meeting);
  } finally {
    connection.close();
  }
}

async function introduced(connection: AdminConnection, { candidates }: Meeting): Promise<Met> {
  const asked = { topics: [], allowAutoTopicCreation: false };
  const { clusterId, brokers } = await connection.call(ApiKey.Metadata, asked);
  const others = brokers.map(({ nodeId }) => nodeId).filter((id) => !candidates.includes(id));
  const brokerId = await whoIs(connection, [...candidates, ...others].slice(0, CANDIDATES_MAX));
  return { kind: 'kafka', clusterId: clusterId ?? undefined, brokerId };
}

/** Kafka's brokers do not say who they are; but each tells its own configuration and no other's. */
async function whoIs(connection: AdminConnection, candidates: readonly number[]): Promise<number | undefined> {
  if (connection.speaks(ApiKey.DescribeNode)) {
    const { errorCode, nodeId } = await connection.call(ApiKey.DescribeNode, {});
    if (errorCode === ErrorCode.NONE) return nodeId;
  }
  if (!connection.speaks(ApiKey.DescribeConfigs)) return undefined;
  for (const id of candidates) {
    const resource = {
      resourceType: ConfigResourceType.BROKER,
      resourceName: String(id),
      configurationKeys: ['node.id'],
    };
    const { results } = await connection.call(ApiKey.DescribeConfigs, { resources: [resource], ...VALUES_ONLY });
    if (results[0]?.errorCode === ErrorCode.NONE) return id;
  }
  return undefined;
}

/** Whoever speaks Kafka, tells its versions and then closes is waiting for SASL. */
async function whyClosed(at: Address, { timeoutMs }: Meeting): Promise<Met> {
  try {
    const connection = await AdminConnection.open(at, timeoutMs);
    try {
      const { errorCode, mechanisms } = await connection.call(ApiKey.SaslHandshake, { mechanism: '' });
      return errorCode === ErrorCode.UNSUPPORTED_SASL_MECHANISM ? { kind: 'sasl', mechanisms } : { kind: 'silent' };
    } finally {
      connection.close();
    }
  } catch {
    return { kind: 'silent' };
  }
}
