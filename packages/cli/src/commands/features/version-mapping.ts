/** `odradek features version-mapping`: the levels that a release stands for. Asks nobody. */
import { Command } from 'commander';
import { metadataVersions } from '@odradek/protocol';
import { levelsOfRelease, showLevel } from '../../core/cluster/levels.ts';
import { print, printJson } from '../../shell/terminal.ts';

type Options = { releaseVersion?: string; json?: boolean };

export function versionMappingCommand(): Command {
  return new Command('version-mapping')
    .description('the levels of features that a release stands for')
    .option(
      '-r, --release-version <version>',
      'a release or metadata.version, such as 4.2 or 4.2-IV1; the newest when left out',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ odradek features version-mapping --release-version 4.2')
    .action((options: Options) => {
      const newest = metadataVersions.filter(({ isProduction }) => isProduction).at(-1)?.name ?? '';
      const levels = levelsOfRelease('--release-version', options.releaseVersion ?? newest, true);
      if (options.json === true) return printJson(levels);
      for (const { feature, level } of levels) {
        const name = showLevel(feature, level);
        print(`${feature}=${level}${name === String(level) ? '' : ` (${name})`}`);
      }
    });
}
