#!/usr/bin/env node
/** The process: `node packages/server/src/main.ts [FILE] [flags]`. Everything of weight is loaded once the compile cache is on. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Beside the code, which belongs to whoever installed it: a shared temporary directory would let others put code into this process.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
const { run } = await import('./run.ts');
await run(process.argv.slice(2));
