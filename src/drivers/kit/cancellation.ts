import { onAbort } from '../../support/abort.ts'

/** How long a cancelled statement may take to end before its connection is given up, in milliseconds. */
const GRACE = 1000

/**
 * Waits for an abort; then has the server end what a connection is running and allows the answer a little time, because
 * only the answer tells whether it was carried out.
 */
export class Cancellation {
  /** Rejects with the reason of the signal when that time is over. */
  readonly #expired: Promise<never>
  readonly #ignoreAbort: () => void
  #fit: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param cancel over another way; true: it was done, and can no longer hit a later statement of the connection */
  constructor(signal: AbortSignal, cancel: () => Promise<boolean>) {
    let expire: (reason: unknown) => void = () => undefined
    this.#expired = new Promise((_, reject) => {
      expire = reject
    })
    this.#expired.catch(() => undefined) // it may expire when nobody races it any more
    this.#ignoreAbort = onAbort(signal, () => {
      this.#fit = cancel().catch(() => false)
      this.#timer = setTimeout(() => expire(signal.reason), GRACE)
    })
  }

  /** What `answer` becomes, or a rejection with the signal's reason when its time is over. */
  race<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#expired])
  }

  /** Whether the connection is fit for another statement. */
  async end(): Promise<boolean> {
    this.#ignoreAbort()
    if (this.#fit === undefined) return true
    const fit = await Promise.race([this.#fit, this.#expired.catch(() => false)])
    clearTimeout(this.#timer)
    return fit
  }
}
