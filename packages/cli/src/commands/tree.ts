/** Reads the tree of commands out of the parser, as data. */
import type { Command, Option } from 'commander';
import { valueOf, type CommandNode, type OptionNode } from '../core/manual/tree.ts';

/** Nothing of a help text is folded. */
const WIDTH_MAX = 100_000;

/** @param parents names of the commands above; none for the program itself */
export function treeOf(command: Command, parents?: readonly string[]): CommandNode {
  const path = parents === undefined ? [] : [...parents, command.name()];
  const help = command.createHelp();
  const inner = help.visibleCommands(command).filter((each) => each.name() !== 'help');
  return {
    path,
    aliases: command.aliases(),
    usage: help.commandUsage(command),
    summary: command.summary() === '' ? command.description() : command.summary(),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      words: argument.argChoices ?? [],
      description: help.argumentDescription(argument),
    })),
    options: help.visibleOptions(command).map((option) => optionNode(option, help.optionDescription(option))),
    commands: inner.map((each) => treeOf(each, path)),
    after: textBehind(command),
  };
}

function optionNode(option: Option, description: string): OptionNode {
  const { flags, short, long, argChoices } = option;
  const value = valueOf(flags);
  const names = [short, long].filter((name) => name !== undefined);
  return { names, flags, description, ...value, words: argChoices ?? value.words };
}

/** What `--help` prints behind the options. */
function textBehind(command: Command): string {
  const output = command.configureOutput();
  let text = '';
  const written = (part: string): void => void (text += part);
  command.configureOutput({ ...output, getOutHelpWidth: () => WIDTH_MAX, writeOut: written });
  const before = command.helpInformation();
  command.outputHelp();
  command.configureOutput(output);
  return text.startsWith(before) ? text.slice(before.length) : text;
}
