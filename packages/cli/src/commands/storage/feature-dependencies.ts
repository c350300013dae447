/** `odradek storage feature-dependencies`: what levels of features need of others, as kafka-storage feature-dependencies. */
import { Command } from 'commander';
import { FeatureName, featureLevels, metadataVersionByLevel } from '@odradek/protocol';
import { parseUpdates, showLevel, type Update } from '../../core/cluster/levels.ts';
import { collectEach } from '../../core/options.ts';
import { CommandError } from '../../core/refusal.ts';
import { print, printJson } from '../../shell/terminal.ts';

type Options = { feature: string[]; json?: boolean };

export function featureDependenciesCommand(): Command {
  return new Command('feature-dependencies')
    .description('what levels of features need of other features')
    .requiredOption('-f, --feature <feature=level>', 'a feature and its level; may be repeated', collectEach, [])
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ odradek storage feature-dependencies --feature group.version=1')
    .action(({ feature, json }: Options) => {
      const asked = parseUpdates(feature).map((update) => ({ ...update, needs: dependenciesOf(update) }));
      if (json === true) return printJson(asked);
      for (const { feature: name, level, needs } of asked) {
        const of = named({ feature: name, level });
        if (needs.length === 0) print(`${of} has no dependencies.`);
        else print([`${of} requires:`, ...needs.map((need) => `    ${named(need)}`)].join('\n'));
      }
    });
}

/** @throws CommandError for a level that does not exist */
function dependenciesOf({ feature, level }: Update): readonly Update[] {
  if (feature === FeatureName.METADATA_VERSION) {
    if (metadataVersionByLevel(level) === undefined) throw new CommandError(`Unknown metadata.version ${level}`);
    return [];
  }
  const levels = featureLevels.filter((each) => each.feature === feature);
  if (levels.length === 0) throw new CommandError(`Unknown feature: ${feature}`);
  const found = levels.find((each) => each.level === level);
  if (found === undefined && level > 0) {
    throw new CommandError(`Feature level ${level} is not supported for feature ${feature}`);
  }
  return Object.entries(found?.dependencies ?? {}).map(([name, needed]) => ({ feature: name, level: needed }));
}

function named({ feature, level }: Update): string {
  const shown = showLevel(feature, level);
  return `${feature}=${level}${shown === String(level) ? '' : ` (${shown})`}`;
}
