import { timed } from '../executor/time-limit.ts'
import { onAbort } from '../support/abort.ts'
import type { Clock } from '../support/clock.ts'

/** In ms: as long as an attempt may take, which may hold the very position that is asked for. */
const PATIENCE = 30_000

/**
 * What `act` resolves with. A connection whose other end is gone without a word answers never: it is not waited for longer
 * than that, nor after `signal` is aborted.
 */
export async function inTime<T>(
  clock: Clock,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const abort = () => controller.abort(signal.reason)
  const unlisten = onAbort(signal, abort)
  if (signal.aborted) abort()
  try {
    return await timed(act, { clock, milliseconds: PATIENCE, controller })
  } finally {
    unlisten()
  }
}
