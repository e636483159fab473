/** Milliseconds between two looks. */
export const INTERVAL = 2000
/** Milliseconds after which an answer is not waited for any more. */
const TIMEOUT = 10_000

const PAGE = new URL('metrics', location.href)
const headers = { accept: 'application/openmetrics-text; version=1.0.0' }

/** Asks for the metrics, again and again; while nobody sees the page it does not. */
export function poll(seen: (page: string) => void, lost: () => void): void {
  let next: ReturnType<typeof setTimeout> | undefined
  const look = async () => {
    try {
      const response = await fetch(PAGE, { headers, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
      if (!response.ok) throw new Error(`status ${response.status}`)
      seen(await response.text())
    } catch (error) {
      console.debug('batchflow:', error)
      lost()
    }
    next = document.hidden ? undefined : setTimeout(look, INTERVAL)
  }
  document.addEventListener('visibilitychange', () => {
    if (document.hidden || next !== undefined) return
    next = setTimeout(look)
  })
  next = setTimeout(look)
}
