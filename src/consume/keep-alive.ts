import type { HeldMessage } from './held-message.ts'
import type { Source } from './source.ts'
import type { Troubles } from './troubles.ts'

/** Tells the log of one partition what is still worked on, one call at a time. */
export class KeepAlive {
  readonly #partition: string
  readonly #source: Source
  readonly #troubles: Troubles
  #isCalling = false

  constructor(partition: string, source: Source, troubles: Troubles) {
    this.#partition = partition
    this.#source = source
    this.#troubles = troubles
  }

  /** Never rejects. */
  async keep(held: readonly HeldMessage[]): Promise<void> {
    if (this.#source.keepAlive === undefined || this.#isCalling || held.length === 0) return
    this.#isCalling = true
    try {
      await this.#source.keepAlive(
        this.#partition,
        held.map(({ message }) => message),
      )
      this.#troubles.end('keep-alive', this.#partition)
    } catch (error) {
      this.#troubles.begin('keep-alive', error, this.#partition)
    }
    this.#isCalling = false
  }
}
