/** `odradek features …`: the levels of features that the cluster runs at. The parent of its commands. */
import { Command } from 'commander';
import { describeCommand } from './features/describe.ts';
import { disableCommand, downgradeCommand, upgradeCommand } from './features/update.ts';
import { versionMappingCommand } from './features/version-mapping.ts';

export function featuresCommand(): Command {
  return new Command('features')
    .description('describe, raise and lower the levels of features that the cluster runs at')
    .addCommand(describeCommand())
    .addCommand(upgradeCommand())
    .addCommand(downgradeCommand())
    .addCommand(disableCommand())
    .addCommand(versionMappingCommand())
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
The flags are those of kafka-features; a line written for it works too:
odradek features --bootstrap-server localhost:9092 describe

Examples:
  $ odradek features describe
  $ odradek features upgrade --feature group.version=1 --dry-run
  $ odradek features downgrade --feature metadata.version=4.2-IV1
  $ odradek features version-mapping --release-version 4.2`;
