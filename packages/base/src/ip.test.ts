import fc from 'fast-check';
import { isIPv4, isIPv6 } from 'node:net';
import { expect, test } from 'vitest';
import { isLinkLocal, isLoopback, isSameIp, networkHolds, parseIp, parseNetwork } from './ip.ts';

const ip = (text: string) => {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
};

test('ip: what is an address is what the system takes for one', () => {
  const pieces = fc.array(fc.constantFrom('1', '255', '256', '0', 'fe80', '::', ':', '.', '10.0.0.1', 'g', '12345'), {
    maxLength: 9,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        pieces.map((parts) => parts.join('')),
        fc.ipV4(),
        fc.ipV6(),
      ),
      (text) => {
        // The system refuses zeros in front (010 was octal once); here they are a decimal number, which no system writes.
        fc.pre(!/(^|\.|:)0\d/.test(text));
        expect(parseIp(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      },
    ),
    { numRuns: 2_000 },
  );
});

test.for([
  ['10.1.2.3', '10.0.0.0/8', true],
  ['11.1.2.3', '10.0.0.0/8', false],
  ['172.18.255.1', '172.18.0.5/16', true],
  ['172.19.0.1', '172.18.0.5/16', false],
  ['192.168.1.129', '192.168.1.128/25', true],
  ['192.168.1.127', '192.168.1.128/25', false],
  ['1.2.3.4', '0.0.0.0/0', true],
  ['1.2.3.4', '1.2.3.4', true],
  ['1.2.3.5', '1.2.3.4', false],
  ['2001:db8::7', '2001:db8::1/64', true],
  ['2001:db8:0:1::7', '2001:db8::1/64', false],
  ['::ffff:10.1.2.3', '10.0.0.0/8', true],
  ['::1', '0.0.0.0/0', false],
  ['fe80::1%eth0', 'fe80::/10', true],
] as const)('ip: %s in %s: %s', ([address, network, holds]) => {
  const parsed = parseNetwork(network);
  expect(parsed !== undefined && networkHolds(parsed, ip(address))).toBe(holds);
});

test('ip: networks that are none are refused', () => {
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0/8', 'host/8', '', '1.2.3.4/-1'])
    expect([text, parseNetwork(text)]).toEqual([text, undefined]);
});

test('ip: loopback, addresses of one link, and the same address in two forms', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].map((text) => isLoopback(ip(text)))).not.toContain(
    false,
  );
  expect(['128.0.0.1', '::2', '10.0.0.1'].map((text) => isLoopback(ip(text)))).not.toContain(true);
  expect(['fe80::1', '169.254.1.1'].map((text) => isLinkLocal(ip(text)))).not.toContain(false);
  expect(isSameIp(ip('2001:DB8:0:0::1'), ip('2001:db8::1'))).toBe(true);
  expect(isSameIp(ip('10.0.0.1'), ip('10.0.0.2'))).toBe(false);
});
