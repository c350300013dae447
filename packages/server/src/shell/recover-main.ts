#!/usr/bin/env node
/**
 * The process behind `odradek quorum recover`: `recover-main.ts [--config FILE] [--override key=value]… [--yes]`. Prints one JSON value:
 * `{ ok: true, isStatic, … }` with the report, or `{ ok: false, why }`. Without `--yes` nothing is changed.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { config as configuration, refuse, type Outcome } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ErrorCode } from '@odradek/protocol';
import { recoverQuorum, type QuorumRecovery } from '../recover.ts';

const { values } = parseArgs({
  options: { config: { type: 'string' }, override: { type: 'string', multiple: true }, yes: { type: 'boolean' } },
});

const told = await recover();
process.stdout.write(`${JSON.stringify(told.ok ? { ok: true, ...told.value } : { ok: false, why: told.why })}\n`);

async function recover(): Promise<Outcome<QuorumRecovery & { readonly isStatic: boolean }>> {
  const path = values.config;
  const loaded = configuration.loadNodeConfig({
    ...(path === undefined ? {} : { file: { path, text: readFileSync(path, 'utf8') } }),
    environment: process.env,
    overrides: values.override ?? [],
    workingDirectory: process.cwd(),
  });
  if (!loaded.ok) return refuse(ErrorCode.INVALID_CONFIG, `the configuration is wrong: ${loaded.problems.join('; ')}`);
  const { config } = loaded;
  const { files } = systemPorts();
  const recovered = await recoverQuorum({ files, config, hostName: hostname(), isRehearsal: values.yes !== true });
  if (!recovered.ok) return recovered;
  return { ok: true, value: { ...recovered.value, isStatic: config.quorum.kind === 'static' } };
}
