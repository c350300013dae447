#!/usr/bin/env node
/**
 * The process behind `odradek dump-log --files …/__cluster_metadata-0`: `metadata-log-main.ts --directory DIR --into DIR` writes the
 * metadata log of a node that does not run as files of Kafka's form. Prints `{ ok: true, files: [names] }` or `{ ok: false, why }`.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { StorageFault } from '@odradek/base';
import { systemPorts } from '@odradek/base/system';

// Beside the code, as the node's own: a node has compiled all of this before.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url)));
const { exportMetadataLog } = await import('@odradek/controller');

const { values } = parseArgs({ options: { directory: { type: 'string' }, into: { type: 'string' } } });
const told = await write(values.directory ?? '', values.into ?? '');
process.stdout.write(`${JSON.stringify(told)}\n`);

async function write(directory: string, into: string): Promise<object> {
  const names: string[] = [];
  try {
    await exportMetadataLog({ directory, files: systemPorts().files }, async ({ name, batches }) => {
      const file = openSync(join(into, name), 'w');
      try {
        for await (const bytes of batches) writeSync(file, bytes);
      } finally {
        closeSync(file);
      }
      names.push(name);
    });
    return { ok: true, files: names };
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    return { ok: false, why: fault.message };
  }
}
