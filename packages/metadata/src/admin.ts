/**
 * What may be asked of the controller: each request carries the decoded Kafka message, each reply is the decoded Kafka
 * response, so a request that any broker receives is forwarded as it came and answered as it goes. Authorisation has
 * happened before (broker/gate); what the caller may not touch has been taken out of the request.
 */
import type {
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponse,
  AlterConfigsRequest,
  AlterConfigsResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  UpdateFeaturesRequest,
  UpdateFeaturesResponse,
} from '@odradek/protocol';

type Admin = {
  createTopics: [CreateTopicsRequest, CreateTopicsResponse];
  deleteTopics: [DeleteTopicsRequest, DeleteTopicsResponse];
  createPartitions: [CreatePartitionsRequest, CreatePartitionsResponse];
  alterConfigs: [AlterConfigsRequest, AlterConfigsResponse];
  incrementalAlterConfigs: [IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse];
  updateFeatures: [UpdateFeaturesRequest, UpdateFeaturesResponse];
  allocateProducerIds: [AllocateProducerIdsRequest, AllocateProducerIdsResponse];
};

export type AdminKind = keyof Admin;
export type AdminRequest = { [K in AdminKind]: { readonly kind: K; readonly request: Admin[K][0] } }[AdminKind];
export type AdminReply<R extends AdminRequest> = Admin[R['kind']][1];
