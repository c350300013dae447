/** The cluster that all tests of one `describe` share: started before the first, ended with its disks after the last. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { startCluster, type Cluster, type ClusterOptions } from './cluster.ts';

export type SuiteCluster = {
  /** Ready when the first test begins. */
  readonly cluster: Cluster;
  /** For files of the tests. */
  readonly directory: string;
  /** Arguments of a tool that asks brokers. */
  readonly brokers: () => string[];
  /** Arguments of a tool that asks controllers: whoever is asked, the active one is found. */
  readonly controllers: () => string[];
};

/** To be called in a `describe`; what it returns has its cluster once tests run. Three combined nodes unless told otherwise. */
export function suiteCluster(options: ClusterOptions = {}): SuiteCluster {
  let cluster: Cluster | undefined;
  let directory = '';

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'odradek-suite-'));
    cluster = await startCluster(options);
    await Promise.all(cluster.nodes.map((node) => node.ready()));
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const started = (): Cluster => {
    if (cluster === undefined) throw new Error('the cluster of a suite is there for its tests, not before them');
    return cluster;
  };
  return {
    get cluster() {
      return started();
    },
    get directory() {
      return directory;
    },
    brokers: () => ['--bootstrap-server', started().bootstrap],
    controllers: () => ['--bootstrap-controller', started().bootstrapControllers],
  };
}
