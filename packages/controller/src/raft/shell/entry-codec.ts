/**
 * Entries, voters and marks as bytes, as they lie in the store. Big-endian; everything begins with the CRC-32C of its key and of what
 * follows. Voters are Kafka's VotersRecord (KIP-853).
 */
import { UUID_ZERO, assert, crc32c } from '@odradek/base';
import { VotersRecord, decodeMessage, encodeMessage } from '@odradek/protocol';
import type { SnapshotMark } from '../core/entries.ts';
import type { Entry, HardState, ReplicaKey, Voter } from '../core/messages.ts';

const CRC_BYTES = 4;
const UUID_BYTES = 16;
const OFFSET_BYTES = 8;

const DATA = 1;
const LEADER_CHANGE = 2;
const VOTERS = 3;
/** CRC, kind, epoch, epoch of the entry before, offsets. */
const ENTRY_HEADER_BYTES = CRC_BYTES + 1 + 4 + 4 + 4;

/** @param previousEpoch of the entry before: two entries that do not belong together are told by it */
export function encodeEntry(key: Buffer, entry: Entry, previousEpoch: number): Buffer {
  const payload = payloadOf(entry);
  const bytes = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + payload.length);
  bytes[CRC_BYTES] = entry.kind === 'data' ? DATA : entry.kind === 'leaderChange' ? LEADER_CHANGE : VOTERS;
  bytes.writeInt32BE(entry.epoch, CRC_BYTES + 1);
  bytes.writeInt32BE(previousEpoch, CRC_BYTES + 5);
  bytes.writeUInt32BE(entry.endOffset - entry.offset, CRC_BYTES + 9);
  payload.copy(bytes, ENTRY_HEADER_BYTES);
  return sealed(key, bytes);
}

/** @throws Error that says what is wrong with the bytes */
export function decodeEntry(
  key: Buffer,
  bytes: Buffer,
  offset: number,
): { readonly entry: Entry; readonly previousEpoch: number } {
  unsealed(key, bytes, ENTRY_HEADER_BYTES);
  const kind = bytes[CRC_BYTES];
  const epoch = bytes.readInt32BE(CRC_BYTES + 1);
  const previousEpoch = bytes.readInt32BE(CRC_BYTES + 5);
  const offsetCount = bytes.readUInt32BE(CRC_BYTES + 9);
  if (offsetCount === 0) throw new Error('it covers no offset');
  const payload = bytes.subarray(ENTRY_HEADER_BYTES);
  const place = { offset, endOffset: offset + offsetCount, epoch };
  if (kind === DATA) return { entry: { kind: 'data', ...place, data: payload }, previousEpoch };
  if (kind === LEADER_CHANGE && payload.length === 4)
    return { entry: { kind: 'leaderChange', ...place, leaderId: payload.readInt32BE(0) }, previousEpoch };
  if (kind === VOTERS) return { entry: { kind: 'voters', ...place, voters: decodeVoters(payload) }, previousEpoch };
  throw new Error(`an entry of kind ${kind} with ${payload.length} bytes is not known here`);
}

function payloadOf(entry: Entry): Buffer {
  if (entry.kind === 'data') return entry.data;
  if (entry.kind === 'voters') return encodeVoters(entry.voters);
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(entry.leaderId);
  return bytes;
}

export function encodeVoters(voters: readonly Voter[]): Buffer {
  const value = {
    version: 0,
    voters: voters.map(({ id, directoryId, endpoints }) => ({
      voterId: id,
      voterDirectoryId: directoryId,
      endpoints: endpoints.map(({ name, host, port }) => ({ name, host, port })),
      kRaftVersionFeature: KRAFT_VERSIONS,
    })),
  };
  return Buffer.concat(encodeMessage(VotersRecord, VotersRecord.maxVersion, value));
}

/** The versions of the quorum's protocol that Kafka's own voters tell of themselves: 0 static voters, 1 changes of voters. */
const KRAFT_VERSIONS = { minSupportedVersion: 0, maxSupportedVersion: 1 } as const;

/** @throws Error that says what is wrong with the bytes */
export function decodeVoters(bytes: Buffer): Voter[] {
  const decoded = decodeMessage(VotersRecord, VotersRecord.maxVersion, bytes);
  if (!decoded.ok) throw new Error(decoded.why);
  return decoded.value.voters.map(({ voterId, voterDirectoryId, endpoints }) => ({
    id: voterId,
    directoryId: voterDirectoryId,
    endpoints: endpoints.map(({ name, host, port }) => ({ name, host, port })),
  }));
}

/** CRC, epoch, recoverTo, end of the log, who was voted for. */
const HARD_STATE_BYTES = CRC_BYTES + 4 + 8 + OFFSET_BYTES + 1 + 4 + UUID_BYTES;

/** What is kept beside the log: with the end of the log, so that entries lost at its end do not go unseen. */
export type StoredState = { readonly hardState: HardState; readonly logEndOffset: number };

export function encodeState(key: Buffer, { hardState, logEndOffset }: StoredState): Buffer {
  const { epoch, votedFor, recoverTo } = hardState;
  const bytes = Buffer.alloc(HARD_STATE_BYTES);
  bytes.writeInt32BE(epoch, CRC_BYTES);
  bytes.writeDoubleBE(recoverTo, CRC_BYTES + 4);
  writeOffset(bytes, CRC_BYTES + 12, logEndOffset);
  if (votedFor !== null) {
    bytes[CRC_BYTES + 20] = 1;
    bytes.writeInt32BE(votedFor.id, CRC_BYTES + 21);
    directoryBytes(votedFor).copy(bytes, CRC_BYTES + 25);
  }
  return sealed(key, bytes);
}

/** @throws Error that says what is wrong with the bytes */
export function decodeState(key: Buffer, bytes: Buffer): StoredState {
  unsealed(key, bytes, HARD_STATE_BYTES);
  const epoch = bytes.readInt32BE(CRC_BYTES);
  const recoverTo = bytes.readDoubleBE(CRC_BYTES + 4);
  const logEndOffset = readOffset(bytes, CRC_BYTES + 12);
  const directoryId = bytes.toString('base64url', CRC_BYTES + 25, CRC_BYTES + 25 + UUID_BYTES);
  const votedFor = bytes[CRC_BYTES + 20] === 0 ? null : { id: bytes.readInt32BE(CRC_BYTES + 21), directoryId };
  return { hardState: { epoch, votedFor, recoverTo }, logEndOffset };
}

function directoryBytes({ directoryId }: ReplicaKey): Buffer {
  const bytes = Buffer.from(directoryId, 'base64url');
  assert(bytes.length === UUID_BYTES, 'a directory is named by a uuid', { directoryId });
  return bytes;
}

/** Which snapshot counts: where it ends, under which number its parts lie, how many bytes they hold together. */
export type Pointer = { readonly mark: SnapshotMark; readonly generation: number; readonly byteCount: number };

const POINTER_HEADER_BYTES = CRC_BYTES + OFFSET_BYTES + 4 + 4 + OFFSET_BYTES;

export function encodePointer(key: Buffer, { mark, generation, byteCount }: Pointer): Buffer {
  const voters = encodeVoters(mark.voters);
  const bytes = Buffer.allocUnsafe(POINTER_HEADER_BYTES + voters.length);
  writeOffset(bytes, CRC_BYTES, mark.offset);
  bytes.writeInt32BE(mark.epoch, CRC_BYTES + 8);
  bytes.writeUInt32BE(generation, CRC_BYTES + 12);
  writeOffset(bytes, CRC_BYTES + 16, byteCount);
  voters.copy(bytes, POINTER_HEADER_BYTES);
  return sealed(key, bytes);
}

/** @throws Error that says what is wrong with the bytes */
export function decodePointer(key: Buffer, bytes: Buffer): Pointer {
  unsealed(key, bytes, POINTER_HEADER_BYTES);
  const voters = decodeVoters(bytes.subarray(POINTER_HEADER_BYTES));
  const mark = { offset: readOffset(bytes, CRC_BYTES), epoch: bytes.readInt32BE(CRC_BYTES + 8), voters };
  const generation = bytes.readUInt32BE(CRC_BYTES + 12);
  return { mark, generation, byteCount: readOffset(bytes, CRC_BYTES + 16) };
}

/** Bytes as they are, behind their checksum. */
export function encodeBytes(key: Buffer, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(CRC_BYTES + payload.length);
  payload.copy(bytes, CRC_BYTES);
  return sealed(key, bytes);
}

/** @throws Error that says what is wrong with the bytes */
export function decodeBytes(key: Buffer, bytes: Buffer): Buffer {
  unsealed(key, bytes, CRC_BYTES);
  return bytes.subarray(CRC_BYTES);
}

function sealed(key: Buffer, bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_BYTES), crc32c(key)), 0);
  return bytes;
}

function unsealed(key: Buffer, bytes: Buffer, bytesMin: number): void {
  if (bytes.length < bytesMin) throw new Error(`${bytes.length} bytes are too few`);
  const wanted = bytes.readUInt32BE(0);
  const found = crc32c(bytes.subarray(CRC_BYTES), crc32c(key));
  if (wanted !== found) throw new Error(`checksum ${found.toString(16)} instead of ${wanted.toString(16)}`);
}

/** Offsets stay below 2^53, so that two numbers hold them exactly. */
export function writeOffset(into: Buffer, at: number, offset: number): void {
  into.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), at);
  into.writeUInt32BE(offset % 0x1_0000_0000, at + 4);
}

export function readOffset(from: Buffer, at: number): number {
  return from.readUInt32BE(at) * 0x1_0000_0000 + from.readUInt32BE(at + 4);
}

/** Whether the set names nodes only, as `controller.quorum.voters` does. */
export function isStatic(voters: readonly Voter[]): boolean {
  return voters.every(({ directoryId }) => directoryId === UUID_ZERO);
}
