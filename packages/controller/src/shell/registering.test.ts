import { afterEach, expect, test } from 'vitest';
import { builtFeatures } from '@odradek/metadata';
import { ErrorCode, FeatureUpgradeType } from '@odradek/protocol';
import { CONTROLLER_PORT, Controllers } from '../testing/controllers.ts';

let controllers: Controllers;
afterEach(() => controllers.close());

const registered = (id: number) => [...controllers.node(id).running.image().cluster.controllers()];
const incarnation = (of: number, seenBy: number): string | undefined =>
  registered(seenBy).find(({ controllerId }) => controllerId === of)?.incarnationId;

test('registering: every controller is known to all, with where it is reached and what it supports', async () => {
  controllers = await new Controllers(3).start();
  await controllers.until(() => [1, 2, 3].every((id) => registered(id).length === 3), 'all know all');
  const [first] = registered(2).filter(({ controllerId }) => controllerId === 1);
  expect(first?.endPoints).toMatchObject([{ name: 'CONTROLLER', port: CONTROLLER_PORT }]);
  expect(first?.features.map(({ name }) => name)).toEqual(builtFeatures.map(({ name }) => name));
});

test('registering: another life says so again, and nobody says what is known', async () => {
  controllers = await new Controllers(3).start();
  await controllers.until(() => [1, 2, 3].every((id) => registered(id).length === 3), 'all know all');
  const before = incarnation(3, 1);
  await controllers.stop(3);
  await controllers.startNode(3);
  await controllers.until(() => incarnation(3, 1) !== before, 'the new life is known');
  const active = await controllers.active();
  const { endOffset } = active.running.image();
  await controllers.pass(5_000);
  expect(active.running.image().endOffset).toBe(endOffset);
});

test('registering: a feature does not rise while a voter has not said what it supports', async () => {
  controllers = await new Controllers(3).start(1, 2);
  await controllers.until(() => [1, 2].every((id) => registered(id).length === 2), 'both know both');
  const active = await controllers.active();
  const update = (level: number, upgradeType: number) => {
    const feature = 'group.version';
    const featureUpdates = [{ feature, maxVersionLevel: level, upgradeType, allowDowngrade: false }];
    const request = { timeoutMs: 1_000, featureUpdates, validateOnly: false };
    return controllers.got(active.running.port.admin({ kind: 'updateFeatures', request }, ''));
  };
  expect(await update(0, FeatureUpgradeType.SAFE_DOWNGRADE)).toMatchObject({
    value: { reply: { errorCode: ErrorCode.INVALID_UPDATE_VERSION } },
  });
  await controllers.startNode(3);
  await controllers.until(() => registered(active.id).length === 3, 'the third is known');
  expect(await update(0, FeatureUpgradeType.SAFE_DOWNGRADE)).toMatchObject({
    value: { reply: { errorCode: ErrorCode.NONE } },
  });
});
