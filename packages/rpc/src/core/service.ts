/** A service is one long-lived stream between two nodes: what either side says, and in which versions. */
import type { Codec } from './schema.ts';

export type Service<Asked, Told> = {
  readonly name: string;
  /** The method's name on the wire. */
  readonly path: string;
  /** Versions of the messages that this node speaks; the highest that both speak is taken. */
  readonly versions: VersionRange;
  /** What the side that dials says. */
  readonly asked: Codec<Asked>;
  /** What the side that listens says. */
  readonly told: Codec<Told>;
};
export type VersionRange = { readonly min: number; readonly max: number };

export function serviceOf<Asked, Told>(service: Omit<Service<Asked, Told>, 'path'>): Service<Asked, Told> {
  return { ...service, path: `/odradek.${service.name}/Connect` };
}
