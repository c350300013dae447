/** A Python that has librdkafka (confluent-kafka): the one that `ODRADEK_PYTHON` names, the system's, or a virtual environment made once. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { found, missing, type Found } from './run.ts';

const MAKE_WITHIN_MS = 120_000;

/** Where the environment is kept between runs: outside the project, in the user's cache. */
export function environmentDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'odradek', 'python');
}

let known: Found<string> | undefined;

export function confluentPython(): Found<string> {
  known ??= find();
  return known;
}

function find(): Found<string> {
  const named = process.env['ODRADEK_PYTHON'];
  if (named !== undefined) return works(named) ? found(named) : missing(`${named} cannot import confluent_kafka`);
  if (works('python3')) return found('python3');
  const made = join(environmentDirectory(), 'bin', 'python');
  if (existsSync(made) && works(made)) return found(made);
  return make(made);
}

function works(python: string): boolean {
  return spawnSync(python, ['-c', 'import confluent_kafka'], { stdio: 'ignore' }).status === 0;
}

function make(made: string): Found<string> {
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) return missing('no Python 3');
  const directory = environmentDirectory();
  const steps = [
    ['python3', '-m', 'venv', directory],
    [made, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'confluent-kafka>=2.6'],
  ];
  for (const [program = '', ...args] of steps) {
    if (spawnSync(program, args, { stdio: 'ignore', timeout: MAKE_WITHIN_MS }).status === 0) continue;
    rmSync(directory, { recursive: true, force: true });
    return missing('no Python with confluent-kafka, and it cannot be installed: set ODRADEK_PYTHON');
  }
  return works(made) ? found(made) : missing('confluent-kafka was installed but cannot be imported');
}
