/** `odradek storage format`: gives the empty directories of a node the id of its cluster, as kafka-storage format. */
import { Command } from 'commander';
import { FeatureName, metadataVersions, supportedFeatures } from '@odradek/protocol';
import { levelsOfRelease, parseUpdates, type Update } from '../../core/cluster/levels.ts';
import { collectEach } from '../../core/options.ts';
import { CommandError, usageError } from '../../core/refusal.ts';
import { tame } from '../../core/tame.ts';
import { readNodeConfig } from '../../shell/node-config.ts';
import { formatBeside } from '../../shell/storage-process.ts';
import { note, print, printJson } from '../../shell/terminal.ts';

type Options = {
  config: string;
  override: string[];
  clusterId: string;
  ignoreFormatted?: boolean;
  standalone?: boolean;
  /** False: `--no-initial-controllers`, as the parser has it of names that begin with no. */
  initialControllers?: string | false;
  addScram: string[];
  releaseVersion?: string;
  feature: string[];
  json?: boolean;
};

export function formatCommand(): Command {
  return new Command('format')
    .description('give the empty data directories of a node the id of its cluster')
    .requiredOption('-c, --config <file>', 'the properties file of the node')
    .requiredOption('-t, --cluster-id <id>', 'the id of the cluster, as random-uuid makes it')
    .option('--override <key=value>', 'stronger than the file; may be repeated', collectEach, [])
    .option('-g, --ignore-formatted', 'leave directories as they are that are formatted already')
    .option('-s, --standalone', 'a quorum begins with this controller, and others join it')
    .option('-N, --no-initial-controllers', 'this node joins a quorum: what holds anyway')
    .option(
      '-I, --initial-controllers <voters>',
      'refused: a quorum begins with controller.quorum.voters, or with one controller (--standalone)',
    )
    .option(
      '-S, --add-scram <credential>',
      'refused: nodes do not authenticate clients yet, so there are no credentials to keep',
      collectEach,
      [],
    )
    .option(
      '-r, --release-version <version>',
      'the release whose levels of features the cluster begins with; only the newest',
    )
    .option('-f, --feature <feature=level>', 'a level to begin with; only the newest', collectEach, [])
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => format(options));
}

const EXAMPLES = `
Every node of a cluster is formatted with the same id. A cluster begins with the newest levels of features; older ones are set
with \`odradek features downgrade\` once it runs.

Examples:
  $ odradek storage format --config server.properties --cluster-id "$(odradek storage random-uuid)"
  $ odradek storage format -c server.properties -t 4L6g3nShT-eMCtK--X86sw --ignore-formatted`;

async function format(options: Options): Promise<void> {
  const config = readNodeConfig(options.config, options.override);
  refuseUnknown(options, config.quorum.kind === 'static');
  const { formatted, needsStandalone } = await formatBeside(options, {
    clusterId: options.clusterId,
    standalone: options.standalone === true,
    ignoreFormatted: options.ignoreFormatted === true,
  });
  if (needsStandalone) note('start this node with --standalone the first time: the directory does not remember it');
  if (options.json === true) return printJson({ clusterId: options.clusterId, formatted });
  if (formatted.length === 0) return print('All of the log directories are already formatted.');
  for (const { path, kind } of formatted) {
    print(tame(`Formatting ${kind} directory ${path} with metadata.version ${newest().name}.`));
  }
}

function newest(): (typeof metadataVersions)[number] {
  const version = metadataVersions.filter(({ isProduction }) => isProduction).at(-1);
  if (version === undefined) throw new CommandError('no metadata.version is known');
  return version;
}

/** What a start would not do as it was asked for here must not look as if it were done. */
function refuseUnknown({ standalone, initialControllers, addScram, ...levels }: Options, isStatic: boolean): void {
  if (typeof initialControllers === 'string') {
    const way =
      'format and start one controller with --standalone, then the others, and add each with `odradek quorum add`; or name voters that ' +
      'stay as they are in controller.quorum.voters';
    throw usageError(`--initial-controllers: a quorum that can change begins with one controller here: ${way}`);
  }
  if (standalone === true && initialControllers === false) {
    throw usageError('--standalone and --no-initial-controllers exclude each other');
  }
  if (addScram.length > 0) {
    throw usageError(
      '--add-scram: there is no SCRAM yet, nor any other authentication of clients: leave it out, and let nobody reach the listeners ' +
        'who may not read and write all topics',
    );
  }
  const { releaseVersion, feature } = levels;
  const release = releaseVersion === undefined ? [] : levelsOfRelease('--release-version', releaseVersion, true);
  // Of a release it is the newest that a quorum may have; which one it has is a matter of how its voters are said.
  const wanted = [...release.filter((each) => each.feature !== FeatureName.KRAFT_VERSION), ...parseUpdates(feature)];
  const other = wanted.find((update) => isNotFirst(update, isStatic));
  if (other === undefined) return;
  throw usageError(
    `a cluster does not begin with ${other.feature}=${other.level}: it begins with the newest levels, and ` +
      '`odradek features downgrade` lowers them once it runs',
  );
}

function isNotFirst({ feature, level }: Update, isStatic: boolean): boolean {
  if (feature === FeatureName.KRAFT_VERSION) return level !== (isStatic ? 0 : 1);
  if (feature === FeatureName.METADATA_VERSION) return level !== newest().level;
  const known = supportedFeatures.find(({ name }) => name === feature);
  if (known === undefined) throw usageError(`--feature: '${feature}' is not a feature that is known here`);
  const first = levelsOfRelease('--release-version', newest().name, true).find((each) => each.feature === feature);
  return level !== (first?.level ?? 0);
}
