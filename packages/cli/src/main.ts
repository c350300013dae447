#!/usr/bin/env node
/** The `odradek` command: only the module of the command that was asked for is loaded, so that a list answers in a blink. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Beside the code, which belongs to whoever installed it: a shared temporary directory would let others put code into this process.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));

const { run } = await import('./program.ts');
await run(process.argv.slice(2));
