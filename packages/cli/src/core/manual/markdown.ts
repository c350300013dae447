/** The manual as one page of Markdown: a section a command, its flags as a table, its notes and examples as the command prints them. */
import { everyCommand, namesOf, type CommandNode, type OptionNode } from './tree.ts';

/** @returns everything below the title of the page */
export function manualPage(program: CommandNode): string {
  const commands = everyCommand(program);
  return [contents(program), ...commands.map(section)].join('\n\n');
}

function contents(program: CommandNode): string {
  const lines = program.commands.map((command) => {
    const inner = command.commands.map((each) => link(each, namesOf(each)[0] ?? ''));
    const below = inner.length === 0 ? '' : `: ${inner.join(', ')}`;
    return `- ${link(command, titleOf(command))}${below}`;
  });
  return lines.join('\n');
}

function titleOf({ path }: CommandNode): string {
  return ['odradek', ...path].join(' ');
}

function link(command: CommandNode, text: string): string {
  return `[${text}](#${titleOf(command).replaceAll(' ', '-')})`;
}

function section(command: CommandNode): string {
  const { path, aliases, usage, description, after } = command;
  const other = aliases.length === 0 ? '' : ` Also called ${aliases.map((name) => `\`${name}\``).join(', ')}.`;
  const parts = [
    `${path.length > 1 ? '###' : '##'} ${titleOf(command)}`,
    `${sentence(description)}${other}`,
    fenced(usage),
    commandsTable(command),
    argumentsTable(command),
    optionsTable(command.options),
    after.trim() === '' ? '' : fenced(after.trim()),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? escaped(first) : `${escaped(first)}.`;
}

function fenced(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}

function commandsTable({ commands }: CommandNode): string {
  const rows = commands.map((each) => [link(each, namesOf(each)[0] ?? ''), escaped(each.summary)]);
  return rows.length === 0 ? '' : table(['command', 'what it does'], rows);
}

function argumentsTable(command: CommandNode): string {
  const rows = command.arguments.map(({ name, description }) => [`\`${name}\``, escaped(description)]);
  return rows.length === 0 ? '' : table(['argument', 'meaning'], rows);
}

function optionsTable(options: readonly OptionNode[]): string {
  const shown = options.filter(({ names }) => !names.includes('--help'));
  const rows = shown.map(({ flags, description }) => [`\`${flags}\``, escaped(description)]);
  return rows.length === 0 ? '' : table(['option', 'meaning'], rows);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Names in angle brackets would be taken for tags, and asterisks for emphasis. */
function escaped(text: string): string {
  return text.replaceAll(/[<*_]/g, (char) => `\\${char}`);
}
