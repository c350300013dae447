/** A broker's way to its controller, with the claims checked on what passes: what it is told is committed, and its heart beats under its epoch. */
import { MetadataImage } from '@odradek/metadata';
import type { ControllerLink, SessionObserver } from '@odradek/metadata';
import type { Claims } from './claims.ts';

export type Watched = { readonly claims: Claims; readonly brokerId: number; readonly who: string };

export function watchedLink(link: ControllerLink, { claims, brokerId, who }: Watched): ControllerLink {
  const watched = (observer: SessionObserver): SessionObserver => ({
    ...observer,
    snapshot: (state) => {
      claims.log.committed({ offset: state.endOffset, epoch: state.epoch });
      claims.judge.watch(() => claims.ledger.wholeImage(`the snapshot for ${who}`, MetadataImage.from(state)));
      observer.snapshot(state);
    },
    committed: (batch) => {
      claims.log.committed({ offset: batch.endOffset, epoch: batch.epoch });
      claims.ledger.batch(who, batch);
      observer.committed(batch);
    },
  });
  return {
    register: (registration, deadlineMs) => link.register(registration, deadlineMs),
    heartbeat: async (beat) => {
      const taken = claims.registrations.beats(who, brokerId, beat.brokerEpoch);
      const outcome = await link.heartbeat(beat);
      if (outcome.ok) taken();
      return outcome;
    },
    subscribe: (observer) => link.subscribe(watched(observer)),
    submit: (request, principal, clientRequest) => link.submit(request, principal, clientRequest),
    silentNode: () => link.silentNode(),
  };
}
