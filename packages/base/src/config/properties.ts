/** Java's properties syntax, as `java.util.Properties` reads it: comments, continued lines, escapes, three kinds of separators. */

export type Property = { readonly name: string; readonly value: string; /** Counted from 1. */ readonly line: number };
export type Properties = {
  /** In the order of the text; of several with one name the last one counts. */
  readonly entries: readonly Property[];
  /** Malformed escapes, each with its line. */
  readonly problems: readonly { readonly line: number; readonly why: string }[];
};

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

export function parseProperties(text: string): Properties {
  const entries: Property[] = [];
  const problems: { line: number; why: string }[] = [];
  for (const { content, line } of logicalLines(text)) {
    const split = separatorOf(content);
    const name = unescaped(content.slice(0, split.nameEnd));
    const value = unescaped(content.slice(split.valueStart));
    if (name === undefined || value === undefined) {
      problems.push({
        line,
        why: 'a \\u escape needs four hexadecimal digits (write \\\\u for the letters themselves)',
      });
    } else {
      entries.push({ name, value, line });
    }
  }
  return { entries, problems };
}

/** Lines with their continuations joined, without comments and blank lines, without leading white space. */
function logicalLines(text: string): { content: string; line: number }[] {
  const lines: { content: string; line: number }[] = [];
  const natural = text.split(/\r\n|\r|\n/);
  for (let at = 0; at < natural.length; at += 1) {
    const line = at + 1;
    let content = withoutLeadingSpace(natural[at] ?? '');
    // A backslash alone continues nothing: to Java the next line is a first line.
    if (content === '' || content === '\\' || content.startsWith('#') || content.startsWith('!')) continue;
    while (isContinued(content)) {
      at += 1;
      content = content.slice(0, -1) + withoutLeadingSpace(natural[at] ?? '');
      if (at >= natural.length) break;
    }
    lines.push({ content, line });
  }
  return lines;
}

function withoutLeadingSpace(line: string): string {
  return line.replace(/^[ \t\f]+/, '');
}

/** An odd number of backslashes at the end: the last of them is not itself escaped. */
function isContinued(line: string): boolean {
  let backslashes = 0;
  while (backslashes < line.length && line[line.length - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** The name ends at the first unescaped `=`, `:` or white space; one `=` or `:` and the space around it belong to neither side. */
function separatorOf(line: string): { nameEnd: number; valueStart: number } {
  let nameEnd = 0;
  while (nameEnd < line.length && !/[=: \t\f]/.test(line[nameEnd] ?? '')) nameEnd += line[nameEnd] === '\\' ? 2 : 1;
  nameEnd = Math.min(nameEnd, line.length);
  const between = /^[ \t\f]*[=:]?[ \t\f]*/.exec(line.slice(nameEnd))?.[0] ?? '';
  return { nameEnd, valueStart: nameEnd + between.length };
}

/** @returns undefined when a unicode escape is malformed */
function unescaped(text: string): string | undefined {
  if (!text.includes('\\')) return text;
  let out = '';
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    if (letter !== '\\') {
      out += letter;
      continue;
    }
    at += 1;
    const escaped = text[at] ?? '';
    if (escaped === 'u') {
      const digits = text.slice(at + 1, at + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) return undefined;
      out += String.fromCharCode(Number.parseInt(digits, 16));
      at += 4;
    } else {
      out += escapes[escaped] ?? escaped;
    }
  }
  return out;
}
