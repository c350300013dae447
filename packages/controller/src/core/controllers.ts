/**
 * Controllers register too (KIP-919): where they are reached, and which levels of features they live up to. Each says so of itself when it
 * starts and whenever another controller becomes the active one; what is known already is not written again.
 */
import { record, type RecordOf } from '@odradek/metadata';
import { ErrorCode, type ControllerRegistrationRequest, type ControllerRegistrationResponse } from '@odradek/protocol';
import { NO_RECORDS, type ControllerContext, type Decision } from './context.ts';

export function registerController(
  { image }: ControllerContext,
  request: ControllerRegistrationRequest,
): Decision<ControllerRegistrationResponse> {
  const { controllerId, incarnationId, listeners: endPoints, features } = request;
  const asked = { controllerId, incarnationId, zkMigrationReady: false, endPoints, features };
  const reply = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null };
  for (const known of image.cluster.controllers()) if (isSame(known, asked)) return { records: NO_RECORDS, reply };
  return { records: [record('RegisterControllerRecord', asked)], reply };
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
