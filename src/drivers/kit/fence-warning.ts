const warned = new WeakSet<object>()

/**
 * Warns that nobody can know whether an attempt that was given up still runs on the server.
 *
 * @param client what the driver was given: once for each, as the next time is no better
 */
export function warnOfFence(client: object, why: string): void {
  if (warned.has(client)) return
  warned.add(client)
  process.emitWarning(
    `batchflow-otel: an attempt that was given up cannot be ended (${why}): should it arrive late, it may overwrite newer values`,
    { code: 'BATCHFLOW_FENCE' },
  )
}
