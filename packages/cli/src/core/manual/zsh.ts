/** Completion for zsh: the whole tree of commands with its descriptions, as a function that `compdef` or `fpath` takes. */
import { everyCommand, namesOf, type CommandNode, type OptionNode } from './tree.ts';

export function zshCompletion(program: CommandNode): string {
  const commands = everyCommand(program);
  return `#compdef odradek
# Completion of odradek for zsh, made by \`odradek completion zsh\`.

# The command that a word names below another one.
_odradek_command() {
  case "$1/$2" in
${commands.flatMap(commandCases).join('\n')}
    (*) return 1 ;;
  esac
}

# The commands below a command, or the words that its argument may be.
_odradek_commands() {
  case "$1" in
${commands.map(commandsCase).join('\n')}
  esac
}

_odradek_options() {
  case "$1" in
${commands.map(optionsCase).join('\n')}
    (*) reply=() ;;
  esac
}

# What the value of an option may be: file, any, or words; fails when it takes none. A leading ? says that it may be left out.
_odradek_value() {
  case "$1 $2" in
${commands.flatMap(valueCases).join('\n')}
    (*) return 1 ;;
  esac
}
${TAIL}`;
}

const TAIL = `
_odradek_offer() {
  case "$1" in
    (any) _message 'value' ;;
    (file) _files ;;
    (*) local -a offered=(\${=1}); _describe -t values 'value' offered ;;
  esac
}

_odradek() {
  local -a reply
  local REPLY word command='' current="\${words[CURRENT]}"
  integer at
  for ((at = 2; at < CURRENT; at++)); do
    word="\${words[at]}"
    if [[ $word == -* ]]; then
      _odradek_value "$command" "$word" || continue
      if [[ $REPLY == '?'* ]]; then
        if ((at + 1 == CURRENT)) && [[ $current != -* ]]; then _odradek_offer "\${REPLY#\\?}" && return; fi
      else
        if ((at + 1 == CURRENT)); then _odradek_offer "$REPLY"; return; fi
        ((at++))
      fi
    elif _odradek_command "$command" "$word"; then
      command="$REPLY"
    fi
  done
  _odradek_commands "$command"
  if [[ $current != -* ]] && ((\${#reply} > 0)); then
    _describe -t commands 'command' reply
    return
  fi
  _odradek_options "$command"
  _describe -o -t options 'option' reply
}

# In a directory of fpath the file is the function; sourced, it is told to zsh.
if [[ "\${funcstack[1]}" == _odradek ]]; then _odradek "$@"; else compdef _odradek odradek; fi
`;

function commandCases({ path, commands }: CommandNode): string[] {
  return commands.map((each) => {
    const patterns = namesOf(each).map((name) => quoted(`${path.join(' ')}/${name}`));
    return `    (${patterns.join('|')}) REPLY=${quoted(each.path.join(' '))} ;;`;
  });
}

function commandsCase({ path, commands, arguments: given }: CommandNode): string {
  const reply = [
    ...commands.map((each) => described(each.path.at(-1) ?? '', each.summary)),
    ...given.flatMap(({ words, description }) => words.map((word) => described(word, description))),
  ];
  return `    (${quoted(path.join(' '))}) reply=(${reply.join(' ')}) ;;`;
}

function optionsCase({ path, options }: CommandNode): string {
  const reply = options.flatMap(({ names, description }) => names.map((name) => described(name, description)));
  return `    (${quoted(path.join(' '))}) reply=(${reply.join(' ')}) ;;`;
}

function valueCases({ path, options }: CommandNode): string[] {
  return options
    .filter(({ takes }) => takes !== 'nothing')
    .map((option) => {
      const patterns = option.names.map((name) => quoted(`${path.join(' ')} ${name}`));
      return `    (${patterns.join('|')}) REPLY=${quoted(valueText(option))} ;;`;
    });
}

function valueText({ takes, words, isFile }: OptionNode): string {
  const value = isFile ? 'file' : words.length === 0 ? 'any' : words.join(' ');
  return takes === 'optional' ? `?${value}` : value;
}

/** For `_describe`, where a colon parts a word from what is said about it. */
function described(name: string, about: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${about.replaceAll('\n', ' ')}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
