#!/usr/bin/env node
/** The `odradek` command: only the module of the command that was asked for is loaded, so that a list answers in a blink. */
import { enableCompileCache } from 'node:module';

enableCompileCache();

const { run } = await import('./program.ts');
await run(process.argv.slice(2));
