/** What the name of a file says of what is in it. */

/** @property offset the first of the segment; -1 where the name does not say */
export type DumpKind =
  | { readonly kind: 'log'; readonly offset: number }
  | { readonly kind: 'bootstrap' }
  | { readonly kind: 'checkpoint'; readonly endOffset: number; readonly epoch: number }
  | { readonly kind: 'index' | 'timeindex' | 'txnindex' | 'snapshot'; readonly offset: number }
  /** A name that ends as one of these, but has no offset. */
  | { readonly kind: 'misnamed' }
  | { readonly kind: 'unknown' };

const SEGMENT = /^(\d{20})\.(log|index|timeindex|txnindex|snapshot)$/;
const CHECKPOINT = /^(\d{20})-(\d{10})\.checkpoint$/;

/** @param name without its directory. Suffixes of files that are on their way out (`.deleted`, `.cleaned`, `.swap`) are looked through */
export function kindOf(name: string): DumpKind {
  const plain = name.replace(/\.(deleted|cleaned|swap)$/, '');
  if (plain === 'bootstrap.checkpoint') return { kind: 'bootstrap' };
  const checkpoint = CHECKPOINT.exec(plain);
  if (checkpoint !== null) {
    return { kind: 'checkpoint', endOffset: Number(checkpoint[1]), epoch: Number(checkpoint[2]) };
  }
  const [, offset, suffix] = SEGMENT.exec(plain) ?? [];
  if (suffix !== undefined && isSegmentKind(suffix)) return { kind: suffix, offset: Number(offset) };
  return /\.(log|index|timeindex|txnindex|snapshot|checkpoint)$/.test(plain)
    ? { kind: 'misnamed' }
    : { kind: 'unknown' };
}

const segmentKinds = ['log', 'index', 'timeindex', 'txnindex', 'snapshot'] as const;

function isSegmentKind(suffix: string): suffix is (typeof segmentKinds)[number] {
  return segmentKinds.some((kind) => kind === suffix);
}
