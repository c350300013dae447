/** gRPC over the network of this machine. Apart from the package's door, so that only who dials or listens loads grpc-js. */
export { createGrpcClient } from './grpc-client.ts';
export type { GrpcClient, GrpcClientOptions } from './grpc-client.ts';
export { createGrpcServer } from './grpc-server.ts';
export type { GrpcServerOptions } from './grpc-server.ts';
