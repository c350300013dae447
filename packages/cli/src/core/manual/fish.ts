/** Completion for fish: one `complete` a word, each for the command behind which it may stand. */
import { everyCommand, namesOf, type CommandNode, type OptionNode } from './tree.ts';

export function fishCompletion(program: CommandNode): string {
  const commands = everyCommand(program);
  return `# Completion of odradek for fish, made by \`odradek completion fish\`.

# The command that a word names below another one.
function __odradek_command
    switch "$argv[1]/$argv[2]"
${commands.flatMap(commandCases).join('\n')}
        case '*'
            return 1
    end
end

# Whether an option of a command takes the word behind it.
function __odradek_takes
    switch "$argv[1] $argv[2]"
${takingCase(commands)}
            return 0
    end
    return 1
end

# Whether the words so far end in the command that is given.
function __odradek_at
    set -l command ''
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            __odradek_takes "$command" $word
            and set skip 1
        else
            set -l found (__odradek_command "$command" $word)
            and set command $found
        end
    end
    test "$command" = "$argv[1]"
end

complete -c odradek -f
${commands.flatMap(completions).join('\n')}
`;
}

function commandCases({ path, commands }: CommandNode): string[] {
  return commands.flatMap((each) => {
    const patterns = namesOf(each).map((name) => quoted(`${path.join(' ')}/${name}`));
    return [`        case ${patterns.join(' ')}`, `            echo ${quoted(each.path.join(' '))}`];
  });
}

function takingCase(commands: readonly CommandNode[]): string {
  const taking = commands.flatMap(({ path, options }) =>
    options
      .filter(({ takes }) => takes === 'required')
      .flatMap(({ names }) => names.map((name) => quoted(`${path.join(' ')} ${name}`))),
  );
  return `        case ${taking.join(' ')}`;
}

function completions({ path, commands, arguments: given, options }: CommandNode): string[] {
  const at = `complete -c odradek -n ${quoted(`__odradek_at '${path.join(' ')}'`)}`;
  return [
    ...commands.map((each) => `${at} -a ${quoted(each.path.at(-1) ?? '')} -d ${quoted(each.summary)}`),
    ...given
      .filter(({ words }) => words.length > 0)
      .map(({ words, description }) => `${at} -a ${quoted(words.join(' '))} -d ${quoted(description)}`),
    ...options.map((option) => `${at} ${optionWords(option)} -d ${quoted(option.description)}`),
  ];
}

function optionWords({ names, takes, words, isFile }: OptionNode): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (takes === 'nothing') return flags.join(' ');
  const offered = words.length === 0 ? '' : ` -a ${quoted(words.join(' '))}`;
  const value = isFile ? '-r -F' : takes === 'required' ? '-x' : '';
  return `${flags.join(' ')} ${value}${offered}`.trim();
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', ' ')}'`;
}
