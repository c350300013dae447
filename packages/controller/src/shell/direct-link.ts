/** The link of a broker in the same process: what sessions ask, asked at once. */
import { ok, refuse } from '@odradek/base';
import type { Outcome } from '@odradek/base';
import { decodeRecord } from '@odradek/metadata';
import type { AdminReply, AdminRequest, ControllerLink, MetadataObserver, MetadataRecord } from '@odradek/metadata';
import type { ControllerPort } from '../ports.ts';

export function directLink(port: ControllerPort): ControllerLink {
  return {
    register: (registration) => port.register(registration),
    heartbeat: (beat) => port.heartbeat(beat),
    subscribe: (observer) => subscribe(port, observer),
    async submit<R extends AdminRequest>(
      request: R,
      principal: string,
    ): Promise<Outcome<{ readonly reply: AdminReply<R>; readonly committedOffset: number }>> {
      const outcome = await port.admin(request, principal);
      if (!outcome.ok) return refuse(outcome.code, outcome.why);
      // The machine answers a request with the response of its kind; the compiler cannot follow that through the queue.
      return ok({ reply: outcome.value.reply as AdminReply<R>, committedOffset: outcome.value.committedOffset });
    },
  };
}

type Observer = MetadataObserver & {
  opened?(): void;
  fenced?(brokerEpoch: number, why: string): void;
};

function subscribe(port: ControllerPort, observer: Observer): { close(): void } {
  let state: MetadataRecord[] = [];
  port.onFenced(({ brokerEpoch, why }) => observer.fenced?.(brokerEpoch, why));
  void Promise.resolve().then(() => observer.opened?.());
  return port.read(
    { endOffset: 0, epoch: 0 },
    {
      snapshot: ({ records, endOffset, epoch, isLast }) => {
        for (const bytes of records) state.push(decoded(bytes));
        if (!isLast) return;
        observer.snapshot({ records: state, endOffset, epoch });
        state = [];
      },
      committed: ({ records, endOffset, epoch }) =>
        observer.committed({ records: records.map(decoded), endOffset, epoch }),
      ended: () => undefined,
    },
  );
}

function decoded(bytes: Buffer): MetadataRecord {
  const record = decodeRecord(bytes);
  if (!record.ok) throw new Error(record.why);
  return record.value;
}
