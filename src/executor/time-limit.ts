import { unlessAborted } from '../support/abort.ts'
import type { Clock } from '../support/clock.ts'

/**
 * Lets `act` take `milliseconds` (0: as long as it takes) and no longer than `controller` lets it; then its signal is aborted
 * and it is not waited for.
 */
export async function timed<T>(
  act: (signal: AbortSignal) => Promise<T>,
  { clock, milliseconds, controller }: { clock: Clock; milliseconds: number; controller: AbortController },
): Promise<T> {
  const { signal } = controller
  const timer = clock.timer(() => controller.abort(new Error(`it took longer than ${milliseconds} ms`)))
  if (milliseconds > 0) timer.start(milliseconds)
  try {
    return await unlessAborted(act(signal), signal)
  } finally {
    timer.stop()
  }
}
