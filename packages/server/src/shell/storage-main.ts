#!/usr/bin/env node
/**
 * The process behind `odradek storage info` and `format`: `storage-main.ts info|format --config FILE [--override key=value]…
 * [--cluster-id ID] [--standalone] [--ignore-formatted]`. Prints one JSON value: `{ ok: true, … }`, or `{ ok: false, why }`.
 */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { config as configuration, ok, refuse, type Outcome } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';
import { ErrorCode } from '@odradek/protocol';

// Beside the code, as the node's own: what it takes to say what a directory is, a node has compiled before.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)));
const { formatStorage, storageInfo } = await import('../storage.ts');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: 'string' },
    override: { type: 'string', multiple: true },
    'cluster-id': { type: 'string' },
    standalone: { type: 'boolean' },
    'ignore-formatted': { type: 'boolean' },
  },
});

const told = answer();
process.stdout.write(`${JSON.stringify(told.ok ? { ok: true, ...told.value } : { ok: false, why: told.why })}\n`);

function answer(): Outcome<object> {
  const path = values.config ?? '';
  const loaded = configuration.loadNodeConfig({
    file: { path, text: readFileSync(path, 'utf8') },
    environment: process.env,
    overrides: values.override ?? [],
    workingDirectory: process.cwd(),
  });
  if (!loaded.ok) return refuse(ErrorCode.INVALID_CONFIG, `the configuration is wrong: ${loaded.problems.join('; ')}`);
  const { config } = loaded;
  const ports = systemPorts();
  if (positionals[0] === 'info') return ok(storageInfo(ports.files, config));
  return formatStorage(ports, {
    config,
    clusterId: values['cluster-id'] ?? '',
    hostName: hostname(),
    standalone: values.standalone === true,
    ignoreFormatted: values['ignore-formatted'] === true,
  });
}
