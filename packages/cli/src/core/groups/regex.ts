/** Regular expressions for topics that consumers subscribe to with the consumer protocol, in RE2's syntax (KIP-848). */
import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';

/** @returns why a broker could not compile it; undefined when it is one */
export function regexProblem(regex: string): string | undefined {
  try {
    RE2JS.compile(regex);
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return error.getDescription();
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}

/** As kafka-consumer-groups says it. */
export function tellRegex(regex: string, problem: string | undefined): string {
  return `The regular expression \`${regex}\` is ${problem === undefined ? 'valid' : `invalid: ${problem}`}.`;
}
