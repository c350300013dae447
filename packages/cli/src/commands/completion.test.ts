/** What the shells themselves make of the completion: each is run, and asked what it would offer or fill in. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { bashCompletion } from '../core/manual/bash.ts';
import { fishCompletion } from '../core/manual/fish.ts';
import { everyCommand, valueOf } from '../core/manual/tree.ts';
import { zshCompletion } from '../core/manual/zsh.ts';
import { wholeProgram } from '../program.ts';
import { treeOf } from './tree.ts';

const WITHIN_MS = 120_000;

const program = treeOf(await wholeProgram());
const directory = mkdtempSync(join(tmpdir(), 'odradek-completion-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const scripts = { bash: bashCompletion(program), zsh: zshCompletion(program), fish: fishCompletion(program) };
type Shell = keyof typeof scripts;

const files = new Map<Shell, string>();
for (const shell of ['bash', 'zsh', 'fish'] as const) {
  const path = join(directory, `odradek.${shell}`);
  writeFileSync(path, scripts[shell]);
  files.set(shell, path);
}
const fileOf = (shell: Shell): string => files.get(shell) ?? '';

function shellOf(shell: Shell): { readonly isMissing: boolean; readonly title: string } {
  const isMissing = spawnSync(shell, ['--version']).status !== 0;
  return { isMissing, title: isMissing ? `${shell} [skipped: ${shell} is not installed]` : shell };
}

function said(shell: Shell, ...args: string[]): string[] {
  const { status, stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8', timeout: WITHIN_MS, cwd: directory });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

/** The line as typed, with what completes it: in bash and fish all that is offered, in zsh the line after a tab. */
const cases: readonly [typed: string, offered: readonly string[]][] = [
  ['odradek topi', ['topics']],
  ['odradek topics cr', ['create']],
  ['odradek topics create --part', ['--partitions']],
  ['odradek elect-leaders --election-type pre', ['preferred']],
  ['odradek quorum --bootstrap-server localhost desc', ['describe']],
  ['odradek quorum describe --command-config odradek.fi', ['odradek.fish']],
  ['odradek completion z', ['zsh']],
  ['odradek chaos run half', ['half-partition']],
  ['odradek groups reset-offsets --group describe --dry', ['--dry-run']],
];

describe('bash', () => {
  const { isMissing, title } = shellOf('bash');
  const offered = (typed: string): string[] => {
    const words = typed.split(' ');
    const script =
      `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _odradek 2>/dev/null; ` +
      `for word in "\${COMPREPLY[@]}"; do echo "$word"; done`;
    return said('bash', '--norc', '-c', script, 'bash', fileOf('bash'), ...words);
  };

  test.skipIf(isMissing).each(cases)(`${title}: %s`, (typed, expected) => {
    expect(offered(typed)).toEqual(expected);
  });

  test.skipIf(isMissing)(`${title}: offers commands first, and options once a dash is typed`, () => {
    const commands = program.commands.map(({ path }) => path[0] ?? '');
    expect(offered('odradek ')).toEqual(commands);
    expect(offered('odradek topics ')).toEqual(['create', 'list', 'describe', 'alter', 'delete']);
    expect(offered('odradek topics list -')).toContain('--bootstrap-server');
    expect(offered('odradek topics list ')).toContain('--bootstrap-server');
  });

  test.skipIf(isMissing)(`${title}: offers nothing where any text may stand`, () => {
    expect(offered('odradek topics create --topic ')).toEqual([]);
    expect(offered('odradek nonsense --')).toEqual(['--version', '--help']);
  });
});

describe('zsh', () => {
  const { isMissing, title } = shellOf('zsh');
  /** Types the line and a tab into a zsh on a terminal of its own, and lets that zsh print what then stood there. */
  const completed = (typed: string): string => {
    const script = `
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PS1=; PS2=; unsetopt zle_bracketed_paste; bindkey -e; autoload -Uz compinit; compinit -u -D; source ${fileOf('zsh')}; print -r -- ready $((40 + 1))'
zpty -r inner out '*ready 41*' || exit 3
zpty -w -n inner "$1"$'\\t\\C-aprint -r -- "<\\C-e>" $((40 + 2))\\n'
zpty -r inner out '*> 42*' || exit 4
print -r -- "$out"
zpty -d inner`;
    const text = said('zsh', '-f', '-c', script, 'zsh', typed).join('\n');
    return /<([^<>]*)> 42/.exec(text)?.[1] ?? text;
  };

  test.skipIf(isMissing).each(cases)(`${title}: %s`, (typed, [only = '']) => {
    expect(completed(typed).trimEnd()).toBe(typed.replace(/\S+$/, only));
  });
});

describe('fish', () => {
  const { isMissing, title } = shellOf('fish');
  const offered = (typed: string): string[] => {
    const lines = said('fish', '--no-config', '-c', `source ${fileOf('fish')}; complete -C "${typed}"`);
    return lines.map((line) => line.split('\t')[0] ?? '');
  };

  test.skipIf(isMissing).each(cases)(`${title}: %s`, (typed, expected) => {
    expect(offered(typed)).toEqual(expected);
  });

  test.skipIf(isMissing)(`${title}: says what each command does`, () => {
    const lines = said('fish', '--no-config', '-c', `source ${fileOf('fish')}; complete -C "odradek "`);
    expect(lines).toEqual(
      expect.arrayContaining(program.commands.map(({ path, summary }) => `${path[0]}\t${summary}`)),
    );
  });
});

describe('the tree of commands', () => {
  test('every command that does something shows an example', () => {
    const without = everyCommand(program).filter(({ after }) => !/^Examples?:\n {2}\$ .*odradek/m.test(after));
    expect(without.map(({ path }) => path.join(' '))).toEqual([]);
  });

  test('every command and option says what it is for', () => {
    const silent = everyCommand(program).flatMap(({ path, summary, options }) => [
      ...(summary === '' ? [path.join(' ')] : []),
      ...options.filter(({ description }) => description === '').map(({ flags }) => `${path.join(' ')} ${flags}`),
    ]);
    expect(silent).toEqual([]);
  });

  test.each([
    ['--json', { takes: 'nothing', words: [], isFile: false }],
    ['-t, --topic <name>', { takes: 'required', words: [], isFile: false }],
    ['--state [states]', { takes: 'optional', words: [], isFile: false }],
    ['--type <a|b-c>', { takes: 'required', words: ['a', 'b-c'], isFile: false }],
    ['--files <file...>', { takes: 'required', words: [], isFile: true }],
  ])('a flag tells of its value: %s', (flags, expected) => {
    expect(valueOf(flags)).toEqual(expected);
  });
});
