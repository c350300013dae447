/** What stands in the way of a start and is not the program's fault, in words for a person. */
import { StorageFault } from '@odradek/base';

/** @returns a sentence with what to do; undefined for a bug */
export function outsideReason(fault: unknown): string | undefined {
  if (fault instanceof StorageFault) return fault.message;
  if (!(fault instanceof Error)) return undefined;
  const code = systemCode(fault) ?? systemCode(fault.cause);
  switch (code) {
    case 'EADDRINUSE':
      return `${fault.message}; another process listens there: stop it, or give this node another port (--override listeners=…)`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${fault.message}; that is no address of this machine: correct listeners`;
    case 'EACCES':
      return `${fault.message}; this user may not take that port: use one above 1023`;
    case undefined:
    default:
      return undefined;
  }
}

function systemCode(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}
