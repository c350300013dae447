/**
 * What counts for a topic or broker: its own values over the cluster's dynamic ones over the controller's properties.
 */
import { config } from '@odradek/base';
import { ConfigResourceType } from '@odradek/protocol';
import type { ControllerContext } from './context.ts';

/** The controller stands in for the brokers: what it answers for a topic assumes that they are configured like it. */
export function layersOf({ image, settings }: ControllerContext): config.Layers {
  return {
    staticBroker: settings.config.layers.staticBroker,
    dynamicDefault: image.configs.of(ConfigResourceType.BROKER, ''),
    dynamicBroker: image.configs.of(ConfigResourceType.BROKER, String(settings.nodeId)),
  };
}

export function topicConfig(context: ControllerContext, topic: string): config.TopicConfig {
  return new config.TopicConfig(context.image.configs.of(ConfigResourceType.TOPIC, topic), layersOf(context));
}
