/** What one broker tells of itself: versions, configuration, disks, its clock. */
import { apiByKey, ApiKey, ConfigResourceType, ErrorCode, errorName, type ResponseOf } from '@odradek/protocol';
import { clockReading } from '../../core/doctor/clocks.ts';
import type { BrokerFacts, ClockReading, LogDir, Untold } from '../../core/doctor/facts.ts';
import type { AdminConnection } from '../admin-connection.ts';

type Self = Pick<
  BrokerFacts,
  'apis' | 'features' | 'finalized' | 'isOdradek' | 'controllerSilentMs' | 'addressProblems' | 'configs' | 'logDirs'
>;
export type Told = {
  readonly self: Self;
  readonly clock: ClockReading | undefined;
  readonly untold: readonly Untold[];
};

export const UNTOLD_SELF: Self = {
  apis: undefined,
  features: undefined,
  finalized: undefined,
  isOdradek: false,
  controllerSilentMs: undefined,
  addressProblems: undefined,
  configs: undefined,
  logDirs: undefined,
};

/** Of DescribeConfigs: neither where a value comes from nor what it means. */
export const VALUES_ONLY = { includeSynonyms: false, includeDocumentation: false };

export async function askBroker(connection: AdminConnection, id: number): Promise<Told> {
  const untold: Untold[] = [];
  const isOdradek = connection.speaks(ApiKey.DescribeNode);
  const tell = async <T>(area: Untold['area'], what: string, ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch (error) {
      untold.push({ area, what: `${what} of broker ${id}`, why: wordsOf(error) });
      return undefined;
    }
  };
  const own = isOdradek ? await tell('clocks', 'the clock', () => askItself(connection, `broker ${id}`)) : undefined;
  const versions = await tell('versions', 'the versions', () => askVersions(connection));
  const configs = await tell('configs', 'the configuration', () => askConfigs(connection, id));
  const logDirs = await tell('disks', 'the log directories', () => askLogDirs(connection));
  const { clock, ...itself } = own ?? { clock: undefined };
  return { self: { ...UNTOLD_SELF, isOdradek, ...itself, ...versions, configs, logDirs }, clock, untold };
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function askVersions(connection: AdminConnection): Promise<Pick<Self, 'apis' | 'features' | 'finalized'>> {
  const about = { clientSoftwareName: 'odradek-cli', clientSoftwareVersion: '0.1.0' };
  const answer = await connection.call(ApiKey.ApiVersions, about);
  const known = answer.apiKeys.filter(({ apiKey }) => isNamed(apiKey));
  return {
    apis: new Map(known.map(({ apiKey, minVersion, maxVersion }) => [nameOf(apiKey), `${minVersion}-${maxVersion}`])),
    features: new Map(answer.supportedFeatures.map(({ name, maxVersion }) => [name, maxVersion])),
    finalized: new Map(answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel])),
  };
}

const names = new Map<number, string>(Object.entries(ApiKey).map(([name, key]) => [key, name]));

function isNamed(key: number): boolean {
  return names.has(key) && !apiByKey(key as ApiKey).own;
}

function nameOf(key: number): string {
  return names.get(key) ?? String(key);
}

async function askConfigs(connection: AdminConnection, id: number): Promise<Map<string, string>> {
  const resource = { resourceType: ConfigResourceType.BROKER, resourceName: String(id), configurationKeys: null };
  const { results } = await connection.call(ApiKey.DescribeConfigs, { resources: [resource], ...VALUES_ONLY });
  const [result] = results;
  if (result === undefined || result.errorCode !== ErrorCode.NONE) {
    throw new Error(result === undefined ? 'it was left out of the answer' : errorName(result.errorCode));
  }
  return plainValues(result.configs);
}

type Entry = ResponseOf<typeof ApiKey.DescribeConfigs>['results'][number]['configs'][number];

/** Values that may be shown. */
export function plainValues(configs: readonly Entry[]): Map<string, string> {
  const shown = configs.filter(({ isSensitive, value }) => !isSensitive && value !== null);
  return new Map(shown.map(({ name, value }) => [name, value ?? '']));
}

async function askLogDirs(connection: AdminConnection): Promise<LogDir[]> {
  const answer = await connection.call(ApiKey.DescribeLogDirs, { topics: null });
  if (answer.errorCode !== ErrorCode.NONE) throw new Error(errorName(answer.errorCode));
  return logDirsOf(answer);
}

export function logDirsOf({ results }: ResponseOf<typeof ApiKey.DescribeLogDirs>): LogDir[] {
  return results.map((dir): LogDir => {
    const replicas = dir.topics.flatMap(({ name, partitions }) => partitions.map((each) => ({ ...each, topic: name })));
    return {
      path: dir.logDir,
      wrong: dir.errorCode === ErrorCode.NONE ? undefined : errorName(dir.errorCode),
      totalBytes: dir.totalBytes < 0 ? undefined : dir.totalBytes,
      usableBytes: dir.usableBytes < 0 ? undefined : dir.usableBytes,
      isCordoned: dir.isCordoned,
      replicaCount: replicas.length,
      replicaBytes: replicas.reduce((sum, { partitionSize }) => sum + partitionSize, 0),
      future: replicas
        .filter(({ isFutureKey }) => isFutureKey)
        .map(({ topic, partitionIndex, offsetLag }) => ({ name: `${topic}-${partitionIndex}`, lag: offsetLag })),
    };
  });
}

type Itself = Pick<BrokerFacts, 'controllerSilentMs' | 'addressProblems'> & { readonly clock: ClockReading };

async function askItself(connection: AdminConnection, node: string): Promise<Itself> {
  const sentMs = Date.now();
  const { errorCode, wallClockMs, ...itself } = await connection.call(ApiKey.DescribeNode, {});
  const receivedMs = Date.now();
  if (errorCode !== ErrorCode.NONE) throw new Error(errorName(errorCode));
  const { controllerSilentMs, addressProblems } = itself;
  return { clock: clockReading(node, wallClockMs, { sentMs, receivedMs }), controllerSilentMs, addressProblems };
}
