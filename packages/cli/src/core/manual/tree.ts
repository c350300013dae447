/** The commands as data: what their manual and the completion of shells are made from, whatever parses the command line. */

export type OptionNode = {
  /** `-b`, `--bootstrap-server`. */
  readonly names: readonly string[];
  /** As help shows it: `-b, --bootstrap-server <host:port,...>`. */
  readonly flags: string;
  readonly takes: 'nothing' | 'optional' | 'required';
  /** What its value may be; any text when there are no words. */
  readonly words: readonly string[];
  readonly isFile: boolean;
  /** With its default. */
  readonly description: string;
};

/** @property words what it may be; any text when there are none */
export type ArgumentNode = { readonly name: string; readonly words: readonly string[]; readonly description: string };

export type CommandNode = {
  /** Without the program's own name; empty for the program. */
  readonly path: readonly string[];
  readonly aliases: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  readonly arguments: readonly ArgumentNode[];
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
  /** Notes and examples behind the options. */
  readonly after: string;
};

/** A command and all below it, parents first. */
export function everyCommand(command: CommandNode): CommandNode[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

export function nameOf(command: CommandNode): string {
  return command.path.at(-1) ?? '';
}

/** The names that a parent knows a command by. */
export function namesOf(command: CommandNode): string[] {
  return [nameOf(command), ...command.aliases];
}

/**
 * What a value in a flag's brackets says of itself: `<bash|zsh>` is one of two words, `<file>` and `<directory>` are paths.
 * @param flags `-t, --type <a|b>`
 */
export function valueOf(flags: string): Pick<OptionNode, 'takes' | 'words' | 'isFile'> {
  const match = /(<|\[)([^>\]]+)[>\]]\s*$/.exec(flags);
  if (match === null) return { takes: 'nothing', words: [], isFile: false };
  const value = match[2] ?? '';
  const isWords = /^[\w-]+(\|[\w-]+)+$/.test(value);
  return {
    takes: match[1] === '<' ? 'required' : 'optional',
    words: isWords ? value.split('|') : [],
    isFile: /^(file|path|dir|directory|folder)s?(\.\.\.)?$/.test(value),
  };
}
