import { onAbort, unlessAborted } from '../support/abort.ts'
import type { Clock } from '../support/clock.ts'

/** In ms: as long as an attempt may take, which may hold the very position that is asked for. */
export const PATIENCE = 30_000

/**
 * What `act` resolves with. A connection whose other end is gone without a word answers never: it is not waited for longer
 * than {@link PATIENCE}, nor after `signal` is aborted. Its own signal is aborted then.
 *
 * @param hangs said when it took too long
 */
export async function inTime<T>(
  clock: Clock,
  signal: AbortSignal,
  act: (signal: AbortSignal) => Promise<T>,
  hangs = `it took longer than ${PATIENCE} ms`,
): Promise<T> {
  const controller = new AbortController()
  const abort = () => controller.abort(signal.reason)
  const unlisten = onAbort(signal, abort)
  const timer = clock.timer(() => controller.abort(new Error(hangs)))
  if (signal.aborted) abort()
  else timer.start(PATIENCE)
  try {
    return await unlessAborted(act(controller.signal), controller.signal)
  } finally {
    timer.stop()
    unlisten()
  }
}
