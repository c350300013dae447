/** All scenarios, by the file that their recorded answers are in. */
import { admin } from './admin.ts';
import { assignment } from './assignment.ts';
import { joins } from './classic-joins.ts';
import { members } from './classic-members.ts';
import { consumer } from './consumer.ts';
import { consumerOffsets } from './consumer-offsets.ts';
import { migration } from './migration.ts';
import { offsets } from './offsets.ts';
import type { Scenario } from './scenario.ts';
import { statics } from './static.ts';

export const scenarios: Readonly<Record<string, readonly Scenario[]>> = {
  classic: [...joins, ...members],
  static: statics,
  offsets,
  admin,
  consumer: [...consumer, ...consumerOffsets],
  assignment,
  migration,
};
