import { EXIT } from './errors.ts'

/** Aborted by the first Ctrl-C or SIGTERM, for an orderly end; the second one gets its way at once. */
export function stopOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted)
      controller.abort()
    })
  }
  return controller.signal
}

/** What `work` comes to, or `'stopped'` when `signal` is aborted before. */
export async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T | 'stopped'> {
  if (signal.aborted) return 'stopped'
  let stop!: () => void
  const stopped = new Promise<'stopped'>((resolve) => {
    stop = () => resolve('stopped')
    signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([work, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
