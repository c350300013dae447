/** What clusters of tests are called: the same in every run, so that what they decide may be compared. */

export const CLUSTER_ID = 'abcdefghijklmnopqrstug';

/** The id of a broker's only directory. */
export function directoryOf(brokerId: number): string {
  return Buffer.from(`directory-${String(brokerId).padStart(6, '0')}`).toString('base64url');
}
