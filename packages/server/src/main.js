#!/usr/bin/env node
/**
 * The process: `node packages/server/src/main.ts [FILE] [flags]`. `main.ts` is a link to this file, the only one that is not TypeScript:
 * with the compile cache on, Node takes stripped sources from it and never loads its type stripper, which would cost every start 25 ms
 * and every idle node 16 MB; only the file that turns the cache on cannot come out of it.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Beside the code, which belongs to whoever installed it: a shared temporary directory would let others put code into this process.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)));
const { run } = await import('./run.ts');
await run(process.argv.slice(2));
