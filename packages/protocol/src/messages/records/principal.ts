/** A client's principal inside Envelope (KIP-590). */
import { f, message } from '../../schema.ts';
import type { Infer } from '../../schema.ts';

export const DefaultPrincipalData = message({
  name: 'DefaultPrincipalData',
  kind: 'data',
  versions: '0',
  flexible: '0+',
  fields: {
    type: f.string('0+'),
    name: f.string('0+'),
    tokenAuthenticated: f.bool('0+'),
  },
});
export type DefaultPrincipalData = Infer<typeof DefaultPrincipalData>;
