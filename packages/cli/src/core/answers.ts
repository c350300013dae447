/** Codes of answers as what a command says of them. */
import { ErrorCode, errorName } from '@odradek/protocol';
import { CommandError } from './refusal.ts';

type Answer = { readonly errorCode: number; readonly errorMessage?: string | null };

/** Throws one line when an answer refuses the whole. @param doing as in "cannot DOING" */
export function requireDone(doing: string, answer: Answer): void {
  if (answer.errorCode !== ErrorCode.NONE) throw new CommandError(`cannot ${doing}: ${toldError(answer)}`);
}

/** The name of a code, and the cluster's own words where there are some. */
export function toldError({ errorCode, errorMessage }: Answer): string {
  const words = errorMessage === undefined || errorMessage === null || errorMessage === '' ? '' : `: ${errorMessage}`;
  return `${errorName(errorCode)}${words}`;
}
