/**
 * Completion for bash, as text that starts no process while someone types: the whole tree of commands is in it. Needs nothing but bash
 * itself (4 or newer); `:` and `=` cut words in bash, so that a value behind `--flag=` is left to bash.
 */
import { everyCommand, namesOf, type CommandNode, type OptionNode } from './tree.ts';

export function bashCompletion(program: CommandNode): string {
  const commands = everyCommand(program);
  return `${HEAD}
# The command that a word names below another one.
_odradek_command() {
  case "$1/$2" in
${commands.flatMap(commandCases).join('\n')}
    *) return 1 ;;
  esac
}

# What may stand behind a command.
_odradek_known() {
  case "$1" in
${commands.map(knownCase).join('\n')}
  esac
}

# What the value of an option may be: file, any, or words; fails when it takes none. A leading ? says that it may be left out.
_odradek_value() {
  case "$1 $2" in
${commands.flatMap(valueCases).join('\n')}
    *) return 1 ;;
  esac
}
${TAIL}`;
}

const HEAD = `# Completion of odradek for bash, made by \`odradek completion bash\`.`;

const TAIL = `
_odradek() {
  local REPLY at word command='' current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ $word == -* ]]; then
      _odradek_value "$command" "$word" || continue
      if [[ $REPLY == \\?* ]]; then
        ((at + 1 == COMP_CWORD)) && [[ $current != -* ]] && _odradek_offer "\${REPLY#\\?}" "$current"
        ((\${#COMPREPLY[@]} > 0)) && return
      else
        ((at + 1 < COMP_CWORD)) || { _odradek_offer "$REPLY" "$current"; return; }
        ((at++))
      fi
    elif _odradek_command "$command" "$word"; then
      command=$REPLY
    fi
  done
  _odradek_known "$command"
  # Options only once they are asked for: commands come first.
  [[ $current == -* || $REPLY == -* ]] || REPLY=\${REPLY%% -*}
  COMPREPLY=($(compgen -W "$REPLY" -- "$current"))
}

_odradek_offer() {
  case "$1" in
    any) ;;
    file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$2")
      ;;
    *) COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
  esac
}

complete -F _odradek odradek
`;

function commandCases({ path, commands }: CommandNode): string[] {
  return commands.map((each) => {
    const patterns = namesOf(each).map((name) => quoted(`${path.join(' ')}/${name}`));
    return `    ${patterns.join(' | ')}) REPLY=${quoted(each.path.join(' '))} ;;`;
  });
}

function knownCase({ path, commands, arguments: given, options }: CommandNode): string {
  const words = [
    ...given.flatMap(({ words: offered }) => offered),
    ...commands.map(({ path: below }) => below.at(-1) ?? ''),
    ...options.flatMap(({ names }) => names.filter((name) => name.startsWith('--'))),
  ];
  return `    ${quoted(path.join(' '))}) REPLY=${quoted(words.join(' '))} ;;`;
}

function valueCases({ path, options }: CommandNode): string[] {
  return options
    .filter(({ takes }) => takes !== 'nothing')
    .map((option) => {
      const patterns = option.names.map((name) => quoted(`${path.join(' ')} ${name}`));
      return `    ${patterns.join(' | ')}) REPLY=${quoted(valueText(option))} ;;`;
    });
}

function valueText({ takes, words, isFile }: OptionNode): string {
  const value = isFile ? 'file' : words.length === 0 ? 'any' : words.join(' ');
  return takes === 'optional' ? `?${value}` : value;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
