/**
 * What may be asked of the controller: each request carries the decoded Kafka message, each reply is the decoded Kafka
 * response, so a request that any broker receives is forwarded as it came and answered as it goes. Authorisation has
 * happened before (broker/gate); what the caller may not touch has been taken out of the request.
 */
import type {
  AddRaftVoterRequest,
  AddRaftVoterResponse,
  AllocateProducerIdsRequest,
  AllocateProducerIdsResponse,
  AlterConfigsRequest,
  AlterConfigsResponse,
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
  AlterPartitionRequest,
  AlterPartitionResponse,
  AssignReplicasToDirsRequest,
  AssignReplicasToDirsResponse,
  ControllerRegistrationRequest,
  ControllerRegistrationResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeQuorumRequest,
  DescribeQuorumResponse,
  ElectLeadersRequest,
  ElectLeadersResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
  RemoveRaftVoterRequest,
  RemoveRaftVoterResponse,
  UnregisterBrokerRequest,
  UnregisterBrokerResponse,
  UpdateFeaturesRequest,
  UpdateFeaturesResponse,
  UpdateRaftVoterRequest,
  UpdateRaftVoterResponse,
} from '@odradek/protocol';

type Admin = {
  createTopics: [CreateTopicsRequest, CreateTopicsResponse];
  deleteTopics: [DeleteTopicsRequest, DeleteTopicsResponse];
  createPartitions: [CreatePartitionsRequest, CreatePartitionsResponse];
  alterConfigs: [AlterConfigsRequest, AlterConfigsResponse];
  incrementalAlterConfigs: [IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse];
  updateFeatures: [UpdateFeaturesRequest, UpdateFeaturesResponse];
  allocateProducerIds: [AllocateProducerIdsRequest, AllocateProducerIdsResponse];
  alterPartition: [AlterPartitionRequest, AlterPartitionResponse];
  assignReplicasToDirs: [AssignReplicasToDirsRequest, AssignReplicasToDirsResponse];
  alterPartitionReassignments: [AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse];
  listPartitionReassignments: [ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse];
  electLeaders: [ElectLeadersRequest, ElectLeadersResponse];
  unregisterBroker: [UnregisterBrokerRequest, UnregisterBrokerResponse];
  /** A controller says of itself where it is reached and what it supports (KIP-919). */
  registerController: [ControllerRegistrationRequest, ControllerRegistrationResponse];
  describeQuorum: [DescribeQuorumRequest, DescribeQuorumResponse];
  addRaftVoter: [AddRaftVoterRequest, AddRaftVoterResponse];
  removeRaftVoter: [RemoveRaftVoterRequest, RemoveRaftVoterResponse];
  updateRaftVoter: [UpdateRaftVoterRequest, UpdateRaftVoterResponse];
};

export type AdminKind = keyof Admin;
export type AdminRequest = { [K in AdminKind]: { readonly kind: K; readonly request: Admin[K][0] } }[AdminKind];
export type AdminReply<R extends AdminRequest> = Admin[R['kind']][1];

/** What is asked of the Raft quorum itself: the active controller's replica answers, not its machine. */
export type QuorumKind = 'describeQuorum' | 'addRaftVoter' | 'removeRaftVoter' | 'updateRaftVoter';
export type QuorumRequest = Extract<AdminRequest, { readonly kind: QuorumKind }>;
export type MachineRequest = Exclude<AdminRequest, QuorumRequest>;
