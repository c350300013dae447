/** `odradek features describe`: what nodes support and what the cluster runs at, in the lines of kafka-features. */
import type { Command } from 'commander';
import { ApiKey } from '@odradek/protocol';
import { featuresOf, showLevel } from '../../core/cluster/levels.ts';
import { tame } from '../../core/tame.ts';
import { print, printJson } from '../../shell/terminal.ts';
import { clusterSubcommand, withClusterAdmin, type ClusterOptions } from '../cluster-common.ts';

/** Kafka pads each part of a line, so that they stand below each other. */
const NAME_WIDTH = 42;
const LEVEL_WIDTH = 17;

export function describeCommand(): Command {
  return clusterSubcommand('describe', 'the features that are supported, and the levels that are finalized')
    .addHelpText('after', '\nExample:\n  $ odradek features describe --json')
    .action((options: ClusterOptions) => describe(options));
}

async function describe(options: ClusterOptions): Promise<void> {
  const about = { clientSoftwareName: 'odradek-cli', clientSoftwareVersion: '0.1.0' };
  const answer = await withClusterAdmin(options, (admin) => admin.ask(ApiKey.ApiVersions, about));
  const epoch = answer.finalizedFeaturesEpoch;
  const features = featuresOf(answer);
  if (options.json === true) return printJson({ epoch: epoch < 0 ? null : epoch, features });
  for (const { feature, supportedMin, supportedMax, finalized } of features) {
    const level = (value: number): string => showLevel(feature, value).padEnd(LEVEL_WIDTH);
    print(
      `Feature: ${tame(feature).padEnd(NAME_WIDTH)}SupportedMinVersion: ${level(supportedMin)}` +
        `SupportedMaxVersion: ${level(supportedMax)}FinalizedVersionLevel: ${level(finalized)}` +
        `Epoch: ${epoch < 0 ? '-' : epoch}`,
    );
  }
}
