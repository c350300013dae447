/** The broker's configuration under what the cluster has set for it; told first of every change, since the others act by it. */
import type { NodeConfig } from '@odradek/base';
import type { MetadataDelta, MetadataImage } from '@odradek/metadata';
import { ConfigResourceType } from '@odradek/protocol';
import { topicSettings, type TopicSettings } from '@odradek/replication';
import type { MetadataFollower } from './controller-link.ts';

const NONE: ReadonlyMap<string, string> = new Map();

export class DynamicConfig implements MetadataFollower {
  #current: NodeConfig;
  readonly #nodeId: number;
  #image: MetadataImage | undefined;

  constructor(config: NodeConfig) {
    this.#current = config;
    this.#nodeId = config.nodeId;
  }

  get current(): NodeConfig {
    return this.#current;
  }

  /** A topic's effective settings by the metadata applied so far. */
  settingsOf(topic: string): TopicSettings {
    return topicSettings(this.#current.topic(this.#overridesOf(ConfigResourceType.TOPIC, topic)));
  }

  snapshot(image: MetadataImage): void {
    this.#image = image;
    this.#refresh();
  }

  changed(delta: MetadataDelta, image: MetadataImage): void {
    this.#image = image;
    if (delta.configs.has(ConfigResourceType.BROKER)) this.#refresh();
  }

  #overridesOf(type: number, name: string): ReadonlyMap<string, string> {
    return this.#image?.configs.of(type, name) ?? NONE;
  }

  #refresh(): void {
    const { BROKER } = ConfigResourceType;
    const own = this.#overridesOf(BROKER, String(this.#nodeId));
    // Copied: the image changes its maps in place, and a configuration remembers what it has read.
    this.#current = this.#current.withDynamic(new Map(own), new Map(this.#overridesOf(BROKER, '')));
  }
}
