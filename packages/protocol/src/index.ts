export * from './apis.ts';
export { assembleBatch, buildBatch, codeOfHeaderFault, encodeRecords, readBatch, splitBatches } from './batch/build.ts';
export { uncompressedRecords } from './batch/build.ts';
export type { BatchOptions, BatchPosition, DecodedBatch, DecodedRecord, NewRecord, RawRecord } from './batch/build.ts';
export { compress, compressionLevels, compressionName, decompress } from './batch/compression.ts';
export type { CompressionName } from './batch/compression.ts';
export * as batch from './batch/header.ts';
export { forEachRecord, RecordCursor, validateRecords } from './batch/records.ts';
export type { RecordHeader, RecordsSummary } from './batch/records.ts';
export { decodeMessage, decodePrefix, encodeMessage } from './codec.ts';
export type { DecodeOptions } from './codec.ts';
export * from './codes.ts';
export * from './constants.ts';
export { eachErrorCode } from './error-codes.ts';
export * from './errors.ts';
export * from './features.ts';
export {
  coordinatorSchemas,
  decodeAssignment,
  decodeControlRecord,
  decodeCoordinatorRecord,
  decodeMetadataRecord,
  decodePrincipal,
  decodeSubscription,
  decodeVersioned,
  encodeAssignment,
  encodeCoordinatorRecord,
  encodeEndTxnMarker,
  encodeMetadataRecord,
  encodePrincipal,
  encodeQuorumRecord,
  encodeSubscription,
  encodeVersioned,
} from './framing.ts';
export type { ControlRecord, CoordinatorLog, CoordinatorRecord, CoordinatorRecordName } from './framing.ts';
export { FrameSplitter } from './frame.ts';
export { decodeRequestBody, decodeRequestHeader, decodeResponse, encodeRequest, encodeResponse } from './header.ts';
export type { DecodedRequestHeader, RequestKind } from './header.ts';
export { isSafeInt64, readInt64, writeInt64 } from './int64.ts';
export * from './messages/index.ts';
export { f, holdsVersion, message } from './schema.ts';
export { withShortMessages } from './short-messages.ts';
export type { Field, Fields, Infer, Input, Message, MessageKind, PrimitiveType } from './schema.ts';
export { EncodeError } from './writer.ts';
