/** What is known of a container's configuration while it is put together. */

export type ContainerSurroundings = {
  /** The one that ends in the ordinal of a StatefulSet. */
  readonly hostName: string;
  /** By path, those of `filesWanted` that are there and can be read. */
  readonly files: ReadonlyMap<string, string>;
  /** Where something is mounted: volumes of a user's. */
  readonly mounts: readonly string[];
  /** The properties file of the command line, which counts before those that are mounted. */
  readonly givenFile: string | undefined;
};

/** What is known so far; properties by name. */
export type Gathered = {
  readonly properties: Map<string, { readonly value: string; readonly from: string }>;
  /** Of the properties file, which the environment is stronger than. */
  readonly inFile: ReadonlyMap<string, string>;
  readonly problems: string[];
  readonly notes: string[];
};

/** Said by the image: weaker than everything that a user says. */
export function byDefault({ properties, inFile }: Gathered, name: string, value: string): void {
  if (!properties.has(name) && !inFile.has(name)) properties.set(name, { value, from: IMAGE });
}

export const IMAGE = 'the default of the image';

/** What a user said of a property, wherever. */
export function said({ properties, inFile }: Gathered, name: string): string | undefined {
  return properties.get(name)?.value ?? inFile.get(name);
}
