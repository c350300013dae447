export { cordonProblem } from './checks.ts';
export { brokerKeys } from './broker.ts';
export type { BrokerKey, BrokerValue } from './broker.ts';
export { LONG_MAX, noEffectReasons } from './declare.ts';
export type { Spec } from './declare.ts';
export { describeBrokerConfig, describeGroupConfig, describeTopicConfig } from './describe.ts';
export type { ConfigEntry, ConfigSynonym } from './describe.ts';
export { propertyNameOf } from './environment.ts';
export type { Environment } from './environment.ts';
export { groupKeys } from './group.ts';
export { loadNodeConfig } from './load.ts';
export type { ConfigSources, Loaded } from './load.ts';
export { parseProperties } from './properties.ts';
export { configSource, configType, noLayers, noOverrides } from './layers.ts';
export type { Layers, Overrides } from './layers.ts';
export { formatListener, parseListeners, securityProtocols } from './listeners.ts';
export type { ListenerAddress, OutsideAddress, SecurityProtocol } from './listeners.ts';
export { GroupConfig, NodeConfig, TopicConfig } from './node-config.ts';
export type { GroupKey, GroupValue, Listener, TopicKey, TopicValue } from './node-config.ts';
export { formatAddress, formatVoters } from './quorum.ts';
export type { HostAndPort, QuorumView, StaticVoter } from './quorum.ts';
export { topicKeys } from './topic.ts';
export {
  appendToList,
  isListKey,
  subtractFromList,
  validateBrokerConfig,
  validateGroupConfig,
  validateTopicConfig,
  validateTopicConfigs,
} from './validate.ts';
export type { ConfigKind } from './validate.ts';
export { allowedText, formatValue } from './values.ts';
