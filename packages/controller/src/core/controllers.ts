/**
 * Controllers register too (KIP-919): where they are reached, and which levels of features they live up to. Each says so of itself when it
 * starts and whenever another controller becomes the active one; what is known already is not written again.
 */
import { record, type Endpoint, type MetadataRecord, type RecordOf, type SupportedFeature } from '@odradek/metadata';
import { NO_RECORDS, type ControllerContext } from './context.ts';

export type ControllerRegistration = {
  readonly controllerId: number;
  /** Of this life of the process. */
  readonly incarnationId: string;
  readonly endpoints: readonly Endpoint[];
  readonly features: readonly SupportedFeature[];
};

export function registerController(
  { image }: ControllerContext,
  registration: ControllerRegistration,
): readonly MetadataRecord[] {
  const registered = record('RegisterControllerRecord', {
    controllerId: registration.controllerId,
    incarnationId: registration.incarnationId,
    zkMigrationReady: false,
    endPoints: registration.endpoints,
    features: registration.features.map(({ name, min, max }) => ({
      name,
      minSupportedVersion: min,
      maxSupportedVersion: max,
    })),
  });
  for (const known of image.cluster.controllers()) if (isSame(known, registered.value)) return NO_RECORDS;
  return [registered];
}

type Registered = RecordOf<'RegisterControllerRecord'>['value'];

function isSame(known: Registered, other: Registered): boolean {
  if (known.controllerId !== other.controllerId || known.incarnationId !== other.incarnationId) return false;
  if (known.endPoints.length !== other.endPoints.length || known.features.length !== other.features.length)
    return false;
  const sameEndpoints = known.endPoints.every((endpoint, at) => {
    const { name, host, port, securityProtocol } = other.endPoints[at] ?? {};
    if (endpoint.name !== name || endpoint.host !== host) return false;
    return endpoint.port === port && endpoint.securityProtocol === securityProtocol;
  });
  const sameFeatures = known.features.every((feature, at) => {
    const { name, minSupportedVersion, maxSupportedVersion } = other.features[at] ?? {};
    if (feature.name !== name || feature.minSupportedVersion !== minSupportedVersion) return false;
    return feature.maxSupportedVersion === maxSupportedVersion;
  });
  return sameEndpoints && sameFeatures;
}
