import type { Companions } from '../contract/companion.ts'
import { AttemptError } from '../contract/driver.ts'
import type { Clock } from '../support/clock.ts'
import { Guard } from '../support/guard.ts'

/** How long a token is kept, in ms: longer than anybody asks for it. */
const AGE = 24 * 3600 * 1000
/** How often old ones are looked for, in ms, and how long that may take. */
const EVERY = 3600 * 1000
const PATIENCE = 60_000

/** The marks that an executor has written with its plain inserts, so that it can ask what became of them. */
export class Tokens {
  readonly #companions: Companions
  readonly #guard = new Guard('old tokens could not be deleted; they take up room, and nothing else')
  #ready = false
  #sweptAt = Number.NEGATIVE_INFINITY

  constructor(companions: Companions) {
    this.#companions = companions
  }

  /**
   * Waits until tokens can be written; `undefined` once they can.
   *
   * @throws {AttemptError} that of an attempt which has changed nothing
   */
  prepare(signal: AbortSignal): Promise<void> | undefined {
    return this.#ready ? undefined : this.#prepare(signal)
  }

  /** One was committed: now and then old ones are deleted, behind the back of the batches. */
  written(clock: Clock): void {
    const now = clock.now()
    if (now - this.#sweptAt < EVERY) return
    this.#sweptAt = now
    void this.#guard.run(() => this.#companions.sweep(AGE, AbortSignal.timeout(PATIENCE)))
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    try {
      await this.#companions.prepare(signal)
      this.#ready = true
    } catch (error) {
      const known = error instanceof AttemptError ? error : new AttemptError(error, {})
      throw known.restated({ ambiguous: false, fault: 'place' })
    }
  }
}
