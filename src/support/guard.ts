import { isPromise } from 'node:util/types'
import { diag } from '@opentelemetry/api'

/** Says through `diag` what went wrong beside the rows; its logger, too, is the user's and must not harm them. */
export function logError(message: string, error: unknown): void {
  try {
    diag.error(`batchflow-otel: ${message}`, error)
  } catch {}
}

/**
 * Keeps what telemetry throws, the user's own or an SDK's, from the rows beside it. The first error is logged; metrics or
 * traces that are incomplete would else be logged once per row.
 */
export class Guard {
  readonly #message: string
  #told = false

  /** @param message what was lost by it */
  constructor(message: string) {
    this.#message = message
  }

  /** Logs what was thrown, if it is the first. */
  readonly tell = (error: unknown): undefined => {
    if (this.#told) return undefined
    this.#told = true
    logError(this.#message, error)
    return undefined
  }

  /** What `act` returns, or `undefined` when it throws. */
  run<T>(act: () => T): T | undefined {
    try {
      return this.#heard(act())
    } catch (error) {
      return this.tell(error)
    }
  }

  /** `act` as a function that does not throw. */
  wrap<Args extends unknown[]>(act: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      try {
        this.#heard(act(...args) as unknown)
      } catch (error) {
        this.tell(error)
      }
    }
  }

  /** What is declared to return nothing may be written as an async function, whose rejection would end the process. */
  #heard<T>(result: T): T {
    if (isPromise(result)) result.catch(this.tell)
    return result
  }
}
