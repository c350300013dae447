/** All scenarios, by the file that their recorded answers are in. */
import { admin } from './admin.ts';
import { classic } from './classic.ts';
import { offsets } from './offsets.ts';
import type { Scenario } from './scenario.ts';
import { statics } from './static.ts';

export const scenarios: Readonly<Record<string, readonly Scenario[]>> = { classic, static: statics, offsets, admin };
