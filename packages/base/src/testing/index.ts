export { SimNetwork, type SimNetworkOptions, SimSocket } from './sim-network.ts';
