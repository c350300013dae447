/** What can be wrong with a store, in words for a person. */
import { StorageFault } from '@odradek/base';
import type { Files } from '@odradek/base';

const RESTORE = 'Restore the directory from a backup; nothing has been changed';
const REJOIN = 'or empty it: a controller of a quorum that still has its majority gets the metadata from the others';

/** Apache Kafka keeps its log in a directory of the same name; ours beside it would make both unreadable for their owners. */
export function refuseKafkas(directory: string, files: Files): void {
  const theirs = files.list(directory).find((name) => name === 'quorum-state' || /^\d{20}\.log$/.test(name));
  if (theirs === undefined) return;
  const why = `it holds the metadata log of Apache Kafka (${theirs}), which cannot be taken over`;
  throw new StorageFault(directory, new Error(`${why}: give this node a directory of its own`));
}

/** What LevelDB says of an open that failed. */
export function openError(cause: unknown): Error {
  const { code, said } = innermost(cause);
  if (code === 'LEVEL_LOCKED')
    return new Error('another process has the metadata log open: two nodes cannot share a directory', { cause });
  if (code === 'LEVEL_CORRUPTION')
    return new Error(`the metadata log is corrupt (${said}). ${RESTORE}, ${REJOIN}`, { cause });
  return new Error(`the metadata log cannot be opened (${said})`, { cause });
}

/** What LevelDB says of a read or a write that failed. */
export function worldError(cause: unknown): Error {
  const { code, said } = innermost(cause);
  if (code === 'LEVEL_CORRUPTION')
    return new Error(`the metadata log is corrupt (${said}). ${RESTORE}, ${REJOIN}`, { cause });
  const systemCode = /no space left/i.test(said) ? 'ENOSPC' : /file too large/i.test(said) ? 'EFBIG' : code;
  const advice =
    systemCode === 'ENOSPC' ? ': the disk is full; make room and start again, nothing acknowledged is lost' : '';
  return Object.assign(new Error(`the metadata log cannot be written or read (${said})${advice}`, { cause }), {
    code: systemCode,
  });
}

/** Something that this store wrote is missing or is not what it wrote. */
export function corrupt(directory: string, what: string): StorageFault {
  return new StorageFault(directory, new Error(`the metadata log is corrupt: ${what}. ${RESTORE}, ${REJOIN}`));
}

/** LevelDB's own error is the cause of the library's. */
function innermost(cause: unknown): { readonly code: string; readonly said: string } {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = typeof inner === 'object' && inner !== null && 'code' in inner ? String(inner.code) : '';
  return { code, said: inner instanceof Error ? inner.message : String(inner) };
}
