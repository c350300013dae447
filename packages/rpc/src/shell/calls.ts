/** What both sides of a call share. */
import * as grpc from '@grpc/grpc-js';
import type { Limits } from '@odradek/base';
import type { Headers } from '../core/handshake.ts';

/** A longer message than ours is read up to this many times the bound, so that the peer is told of it in words. */
const TOLD_FACTOR = 2;

/** Messages are Buffers to gRPC: they are written and read by the codecs of the services. */
export function passThrough(bytes: Buffer): Buffer {
  return bytes;
}

export function sharedOptions(limits: Limits): grpc.ChannelOptions {
  return {
    'grpc.max_receive_message_length': limits.rpcMessageBytesMax * TOLD_FACTOR,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': limits.rpcKeepaliveMs,
    'grpc.keepalive_timeout_ms': limits.rpcKeepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
  };
}

export function headersOf(metadata: grpc.Metadata): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata.getMap())) if (typeof value === 'string') headers[name] = value;
  return headers;
}

export function metadataOf(headers: Headers): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}
