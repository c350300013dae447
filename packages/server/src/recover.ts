/** `odradek quorum recover`: the stopped node of a configuration becomes the only voter of its quorum, when most of the others are lost. */
import { join } from 'node:path';
import { limits as allLimits, ok, refuse, silent, StorageFault } from '@odradek/base';
import type { Files, NodeConfig, Outcome } from '@odradek/base';
import { METADATA_DIRECTORY, recoverFromSurvivor, type RecoveryReport } from '@odradek/controller';
import { readMetaProperties } from '@odradek/log';
import { ErrorCode } from '@odradek/protocol';

export type { RecoveryReport } from '@odradek/controller';

export type RecoverQuorumOptions = {
  readonly files: Files;
  readonly config: NodeConfig;
  /** What others are told of a controller's listener that names no host. */
  readonly hostName: string;
  /** Only looks, and changes nothing. */
  readonly isRehearsal: boolean;
};

export type QuorumRecovery = {
  readonly clusterId: string;
  readonly directory: string;
  readonly report: RecoveryReport;
};

/**
 * The node must not run: its metadata log is opened here.
 * @returns refused with what is in the way: not a controller, not formatted, running, damaged, or not the one to go on from
 */
export async function recoverQuorum(options: RecoverQuorumOptions): Promise<Outcome<QuorumRecovery>> {
  try {
    return await recover(options);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, `${fault.message} (${causeOf(fault)})`);
  }
}

async function recover({
  files,
  config,
  hostName,
  isRehearsal,
}: RecoverQuorumOptions): Promise<Outcome<QuorumRecovery>> {
  const { nodeId, metadataLogDir } = config;
  if (!config.hasRole('controller')) {
    const why = `node ${nodeId} is no controller (process.roles): a quorum goes on from a controller that is left`;
    return refuse(ErrorCode.INVALID_CONFIG, why);
  }
  const meta = readMetaProperties(files, metadataLogDir);
  if (meta?.directoryId === undefined) {
    const why = `${metadataLogDir} has no meta.properties with a directory.id: is it the directory of a controller that has run?`;
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, why);
  }
  if (meta.nodeId !== nodeId) {
    const why = `${metadataLogDir} belongs to node ${meta.nodeId}, and the configuration is of node ${nodeId}`;
    return refuse(ErrorCode.INVALID_CONFIG, why);
  }
  const endpoints = config.advertisedControllerListeners.map(({ name, host, port }) => ({
    name,
    host: host === '' ? hostName : host,
    port,
  }));
  const directory = join(metadataLogDir, METADATA_DIRECTORY);
  const survivor = { id: nodeId, directoryId: meta.directoryId, endpoints };
  const recovered = await recoverFromSurvivor({
    directory,
    files,
    limits: allLimits.production,
    log: silent,
    survivor,
    isRehearsal,
  });
  if (!recovered.ok) return recovered;
  return ok({ clusterId: meta.clusterId, directory, report: recovered.value });
}

function causeOf({ cause }: StorageFault): string {
  return cause instanceof Error ? cause.message : String(cause);
}
