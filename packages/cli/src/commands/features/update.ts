/** `odradek features upgrade|downgrade|disable`: levels are set, all that are asked for or none, as with kafka-features. */
import type { Command } from 'commander';
import { ApiKey, ErrorCode, FeatureUpgradeType } from '@odradek/protocol';
import { levelsOfRelease, parseUpdates, type Update } from '../../core/cluster/levels.ts';
import { collectList } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, toldError, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

type Options = ClusterOptions & {
  feature: string[];
  releaseVersion?: string;
  metadata?: string;
  unsafe?: boolean;
  dryRun?: boolean;
};
type Doing = 'upgrade' | 'downgrade' | 'disable';

export function upgradeCommand(): Command {
  return updating('upgrade', 'raise levels of features', 'Check the change, but do not make it')
    .addHelpText('after', '\nExample:\n  $ odradek features upgrade --feature metadata.version=4.3-IV0 --dry-run')
    .action((options: Options) => update('upgrade', options));
}

export function downgradeCommand(): Command {
  return withUnsafe(updating('downgrade', 'lower levels of features', 'Check the change, but do not make it'))
    .addHelpText('after', '\nExample:\n  $ odradek features downgrade --feature group.version=0')
    .action((options: Options) => update('downgrade', options));
}

export function disableCommand(): Command {
  const command = clusterSubcommand('disable', 'lower features to level 0')
    .requiredOption('--feature <name...>', 'features to disable', collectList, [])
    .option('--dry-run', 'check the change, but do not make it');
  return withUnsafe(command)
    .addHelpText('after', '\nExample:\n  $ odradek features disable --feature group.version')
    .action((options: Options) => update('disable', options));
}

function updating(name: string, description: string, dryRun: string): Command {
  return clusterSubcommand(name, description)
    .option('--feature <feature=level...>', 'a feature and its new level; may be repeated', collectList, [])
    .option('--release-version <version>', 'all levels that a release stands for, such as 4.3')
    .option('--metadata <version>', 'the level of metadata.version by its name (deprecated in Kafka)')
    .option('--dry-run', dryRun.toLowerCase());
}

function withUnsafe(command: Command): Command {
  return command.option('--unsafe', 'even if metadata may be lost by it');
}

async function update(doing: Doing, options: Options): Promise<void> {
  const updates = updatesOf(doing, options);
  const lower = options.unsafe === true ? FeatureUpgradeType.UNSAFE_DOWNGRADE : FeatureUpgradeType.SAFE_DOWNGRADE;
  const upgradeType = doing === 'upgrade' ? FeatureUpgradeType.UPGRADE : lower;
  const isDry = options.dryRun === true;
  const answer = await withClusterAdmin(options, (admin) =>
    admin.decide(ApiKey.UpdateFeatures, {
      timeoutMs: admin.timeoutMs,
      featureUpdates: updates.map(({ feature, level }) => ({ feature, maxVersionLevel: level, upgradeType })),
      validateOnly: isDry,
    }),
  );
  const said = (update: Update): string => (doing === 'disable' ? '' : ` to ${update.level}`);
  if (answer.errorCode !== ErrorCode.NONE) {
    const all = updates.map((each) => `${each.feature}${said(each)}`).join(', ');
    throw new CommandError(`${isDry ? 'can not' : 'could not'} ${doing} ${all}: ${toldError(answer)}`);
  }
  if (options.json === true) return printJson(updates.map((each) => ({ ...each, changed: !isDry })));
  for (const each of updates) {
    const past = `${doing}d${said(each)}`;
    print(`${tame(each.feature)} ${isDry ? 'can be' : 'was'} ${past}.`);
  }
}

function updatesOf(doing: Doing, options: Options): Update[] {
  if (doing === 'disable') return parseUpdates(options.feature.map((feature) => `${feature}=0`));
  const { releaseVersion, metadata, feature } = options;
  if (releaseVersion !== undefined) {
    if (metadata !== undefined || feature.length > 0) {
      throw usageError('--release-version says all levels: leave --feature and --metadata out');
    }
    return levelsOfRelease('--release-version', releaseVersion, doing === 'downgrade');
  }
  const named = metadata === undefined ? [] : levelsOfRelease('--metadata', metadata, false).slice(0, 1);
  const texts = [...named.map((each) => `${each.feature}=${each.level}`), ...feature];
  if (texts.length === 0) throw usageError(`name what to ${doing}: --feature name=level, or --release-version`);
  return parseUpdates(texts);
}
