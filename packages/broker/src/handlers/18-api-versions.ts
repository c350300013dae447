/**
 * ApiVersions, key 18, v0-4: what this broker answers, and which features the cluster runs. A version from the future never comes here:
 * the gate answers it. APIs that Kafka does not have are told to our own clients alone. Sources: KIP-35, KIP-511 (client software), KIP-584 (features), KIP-1022 (levels from 0, v4).
 */
import { type ApiVersionsRequest, ErrorCode, type ResponseInput } from '@odradek/protocol';
import { builtFeatures, type MetadataImage } from '@odradek/metadata';
import type { AdminHandlerOf } from './context.ts';

/** What clients may call themselves: no spaces or control characters, so that it can stand in a log or a metric. */
const SOFTWARE_FORM = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** How the clients of this house call themselves. */
const OUR_SOFTWARE = 'odradek';

export const apiVersions: AdminHandlerOf<18> = {
  handle(request, services, caller) {
    const { apiVersion } = caller;
    if (apiVersion >= 3) {
      if (!namesItself(request)) return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
      caller.isSoftware(request.clientSoftwareName, request.clientSoftwareVersion);
    }
    const image = services.image();
    // A strict client may stumble over keys that are not Kafka's.
    const isOurs = apiVersion >= 3 && request.clientSoftwareName.startsWith(OUR_SOFTWARE);
    const apiKeys = services
      .advertised()
      .filter(({ own }) => isOurs || !own)
      .map(({ key, min, max }) => ({ apiKey: key, minVersion: min, maxVersion: max }));
    return {
      errorCode: ErrorCode.NONE,
      apiKeys,
      throttleTimeMs: 0,
      // Clients before version 4 cannot read a range that begins at 0, so such features are not told to them (KIP-1022).
      supportedFeatures: builtFeatures
        .filter(({ min }) => apiVersion >= 4 || min > 0)
        .map(({ name, min, max }) => ({ name, minVersion: min, maxVersion: max })),
      finalizedFeaturesEpoch: image.endOffset > 0 ? image.endOffset - 1 : -1,
      finalizedFeatures: finalized(image),
      zkMigrationReady: false,
    };
  },
  refused: (_request, errorCode) => ({ errorCode, apiKeys: [] }),
};

function namesItself({ clientSoftwareName, clientSoftwareVersion }: ApiVersionsRequest): boolean {
  return SOFTWARE_FORM.test(clientSoftwareName) && SOFTWARE_FORM.test(clientSoftwareVersion);
}

function finalized(image: MetadataImage): NonNullable<ResponseInput<18>['finalizedFeatures']> {
  return [...image.features.finalized()].map(([name, level]) => ({
    name,
    maxVersionLevel: level,
    minVersionLevel: level,
  }));
}
