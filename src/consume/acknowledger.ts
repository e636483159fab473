import type { Backoff } from './backoff.ts'
import type { HeldMessage } from './held-message.ts'
import type { Message } from './source.ts'

export interface AcknowledgerHost {
  acknowledge(messages: readonly Message[]): Promise<void>
  /** They are acknowledged. */
  acknowledged(messages: readonly HeldMessage[]): void
  /** The log did not take it, or, with `undefined`, takes it again. */
  trouble(error: unknown): void
}

/** Acknowledges what is settled, in order and in bulk: what comes while one is under way goes with the next. */
export class Acknowledger {
  readonly #host: AcknowledgerHost
  readonly #backoff: Backoff
  #waiting: HeldMessage[] = []
  #underWay: readonly HeldMessage[] = []
  #running: Promise<void> | undefined
  #ending = false
  #stopped = false

  constructor(host: AcknowledgerHost, backoff: Backoff) {
    this.#host = host
    this.#backoff = backoff
  }

  /** Settled, and not known to be acknowledged. */
  get unacknowledged(): readonly HeldMessage[] {
    return [...this.#underWay, ...this.#waiting]
  }

  add(settled: readonly HeldMessage[]): void {
    for (const held of settled) this.#waiting.push(held)
    this.#running ??= this.#run()
  }

  /** What is settled is acknowledged, or the log does not take it: it is tried once more, then not again. */
  async end(): Promise<void> {
    this.#ending = true
    this.#backoff.end()
    await this.#running
    if (this.#waiting.length > 0) await this.#once()
  }

  /** Nothing more is acknowledged. */
  stop(): void {
    this.#stopped = true
    this.#backoff.end()
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stopped) {
      if (await this.#once()) continue
      if (this.#ending) break
      await this.#backoff.wait()
    }
    this.#running = undefined
  }

  async #once(): Promise<boolean> {
    const settled = (this.#underWay = this.#waiting)
    this.#waiting = []
    try {
      await this.#host.acknowledge(settled.map(({ message }) => message))
    } catch (error) {
      this.#waiting = [...settled, ...this.#waiting]
      this.#underWay = []
      this.#host.trouble(error)
      return false
    }
    this.#underWay = []
    this.#backoff.reset()
    this.#host.trouble(undefined)
    this.#host.acknowledged(settled)
    return true
  }
}
