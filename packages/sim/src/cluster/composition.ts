/** What production puts together on every node, as one value: planted bugs are another one. */
import { createBroker, createControllerLink } from '@odradek/broker';
import { createController } from '@odradek/controller';
import { raftStoreOn } from '@odradek/controller/testing';

export type Composition = {
  readonly createController: typeof createController;
  readonly raftStoreOn: typeof raftStoreOn;
  readonly createControllerLink: typeof createControllerLink;
  readonly createBroker: typeof createBroker;
};

export const production: Composition = { createController, raftStoreOn, createControllerLink, createBroker };
