import { implementing } from './validate.ts'

export const isSignal = implementing<AbortSignal>('an AbortSignal', 'addEventListener')

/** What is to be done when a signal is aborted. */
class Reactions {
  readonly #signal: AbortSignal
  readonly #acts = new Set<() => void>()
  /** A signal may live for long after: what was to be done is done, and forgotten. */
  readonly #onAbort = () => {
    const acts = [...this.#acts]
    this.#acts.clear()
    for (const act of acts) act()
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  add(act: () => void): void {
    if (this.#acts.size === 0) this.#signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#acts.add(act)
  }

  delete(act: () => void): void {
    if (this.#acts.delete(act) && this.#acts.size === 0) this.#signal.removeEventListener('abort', this.#onAbort)
  }
}

const known = new WeakMap<AbortSignal, Reactions>()

/**
 * Calls `act` when `signal` is aborted; returns what takes that back. However many wait on one signal, it has one listener:
 * Node searches all listeners of a signal to add or remove one, and warns of more than ten.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const reactions = known.get(signal) ?? new Reactions(signal)
  known.set(signal, reactions)
  reactions.add(act)
  return () => reactions.delete(act)
}

/** What `promise` becomes, or, when `signal` is aborted first, a rejection with its reason. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    const unlisten = onAbort(signal, leave)
    if (signal.aborted) leave()
    promise.then(resolve, reject).finally(unlisten)
  })
}
