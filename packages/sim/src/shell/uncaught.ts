/** Rejections that nobody handles, while a run lasts: in production the process would stop, in a run the claim is broken that nobody does so. */

/** @returns to be called when the run is over */
export function watchUncaught(heard: (cause: unknown) => void): () => void {
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', heard);
  return () => {
    process.off('unhandledRejection', heard);
    for (const other of others) process.on('unhandledRejection', other);
  };
}
