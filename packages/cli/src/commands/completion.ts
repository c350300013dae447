/** `odradek completion SHELL`: prints what makes a shell complete this program's commands and options. */
import { assert } from '@odradek/base';
import { Argument, Command } from 'commander';
import { bashCompletion } from '../core/manual/bash.ts';
import { fishCompletion } from '../core/manual/fish.ts';
import type { CommandNode } from '../core/manual/tree.ts';
import { zshCompletion } from '../core/manual/zsh.ts';
import { print } from '../shell/terminal.ts';
import { treeOf } from './tree.ts';

const shells: Readonly<Record<string, (program: CommandNode) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** @param wholeProgram with every command, of which most are loaded only for this */
export function completionCommand(wholeProgram: () => Promise<Command>): Command {
  return new Command('completion')
    .description('print what makes bash, zsh or fish complete the commands and options')
    .addArgument(new Argument('<shell>', 'the shell that completes').choices(Object.keys(shells)))
    .addHelpText('after', EXAMPLES)
    .action(async (shell: string) => {
      const completion = shells[shell];
      assert(completion !== undefined, 'the parser lets through what it was given as choices');
      print(completion(treeOf(await wholeProgram())));
    });
}

const EXAMPLES = `
What is printed holds the whole tree of commands: nothing is run while you type. Print it anew after an update.

Examples:
  $ source <(odradek completion bash)
  $ odradek completion bash > ~/.local/share/bash-completion/completions/odradek
  $ odradek completion zsh > ~/.zfunc/_odradek      (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  $ odradek completion fish > ~/.config/fish/completions/odradek.fish`;
