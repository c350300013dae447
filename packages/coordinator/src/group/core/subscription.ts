/**
 * What the coordinator reads of a consumer's own protocol: the topics that members subscribe to. Every version begins like version 0:
 * int16 version, then an array of strings; what follows is between the consumers.
 */

/** @returns the topics of all members together; undefined when one of them cannot be read */
export function subscribedTopics(metadata: readonly Buffer[]): ReadonlySet<string> | undefined {
  const topics = new Set<string>();
  for (const bytes of metadata) if (!addTopics(bytes, topics)) return undefined;
  return topics;
}

const VERSION_BYTES = 2;
const COUNT_BYTES = 4;
const LENGTH_BYTES = 2;

function addTopics(bytes: Buffer, topics: Set<string>): boolean {
  let at = VERSION_BYTES;
  if (bytes.length < at + COUNT_BYTES || bytes.readInt16BE(0) < 0) return false;
  const count = bytes.readInt32BE(at);
  at += COUNT_BYTES;
  if (count < 0 || count > (bytes.length - at) / LENGTH_BYTES) return false;
  for (let read = 0; read < count; read += 1) {
    if (at + LENGTH_BYTES > bytes.length) return false;
    const length = bytes.readInt16BE(at);
    at += LENGTH_BYTES;
    if (length < 0 || at + length > bytes.length) return false;
    topics.add(bytes.toString('utf8', at, at + length));
    at += length;
  }
  return true;
}
