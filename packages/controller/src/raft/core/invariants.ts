/** What holds of one replica after every input. Claims about several replicas are checked where all are seen: in the simulator. */
import { assert } from '@odradek/base';
import type { RaftState } from './state.ts';

export function assertClaims(s: RaftState, before: { readonly epoch: number; readonly highWatermark: number }): void {
  assert(s.epoch >= before.epoch, 'epochs never go back', before);
  assert(s.highWatermark >= before.highWatermark, 'the high watermark never goes back', before);
  assert(s.highWatermark <= s.log.endOffset, 'highWatermark <= logEndOffset', s);
  assert(s.log.last.epoch <= s.epoch, 'a log holds no epoch after the own one', s);
  assert(s.log.snapshot.offset <= s.highWatermark, 'only what is committed is in a snapshot', s);
  assert(s.durableOffset <= s.log.endOffset, 'no more is durable than there is', s);
  const { role } = s;
  if (role.kind !== 'leader') return;
  assert(s.votedFor?.id === s.self.id, 'a leader has voted for itself', s);
  for (const peer of role.progress.values()) {
    assert(peer.matchOffset <= peer.nextOffset, 'matchOffset <= nextOffset', peer);
    assert(peer.nextOffset <= s.log.endOffset, 'nextOffset <= logEndOffset', peer);
    assert(peer.inFlightBytes >= 0, 'bytes under way are not negative', peer);
  }
}
