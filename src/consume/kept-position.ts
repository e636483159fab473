import { FencedError } from '../contract/errors.ts'
import { inTime } from './in-time.ts'
import type { TableLogHost } from './table-log-host.ts'
import { TablePosition } from './table-position.ts'

/** Where one table of one partition stands in the database, as far as this worker knows. */
export class KeptPosition {
  readonly scope: string
  readonly #table: string
  readonly #host: TableLogHost
  at: TablePosition

  constructor(table: string, scope: string, text: string, host: TableLogHost) {
    this.#table = table
    this.scope = scope
    this.#host = host
    this.at = this.#read(text)
  }

  /** It was moved, by itself or with a batch. */
  reached(text: string): void {
    const { shared, name } = this.#host
    this.at = this.#read(text)
    shared.troubles.end('position', name, this.#table)
  }

  /** Moves it by itself. `fenced`: somebody else has moved it. Where it fails it moves with the next batch, or the next time. */
  async move(value: string): Promise<'moved' | 'failed' | 'fenced'> {
    const { companions, shared } = this.#host
    const move = { kind: 'move', scope: this.scope, expected: this.at.text, value } as const
    try {
      await inTime(shared.settings.clock, shared.signal, (signal) => companions.commit(move, signal))
      this.reached(value)
      return 'moved'
    } catch (error) {
      if (error instanceof FencedError) return 'fenced'
      this.#trouble(error)
      return 'failed'
    }
  }

  /** Reads it anew, for as long as that takes. `false`: the partition is given back meanwhile. */
  async claim(): Promise<boolean> {
    const { shared, companions } = this.#host
    const claim = (signal: AbortSignal) => companions.claim([this.scope], signal)
    while (!this.#host.ended) {
      try {
        const positions = await inTime(shared.settings.clock, shared.signal, claim)
        this.reached(positions.get(this.scope) ?? '')
        return true
      } catch (error) {
        if (this.#host.stopping) return false
        this.#trouble(error)
        await this.#host.pause()
      }
    }
    return false
  }

  #trouble(error: unknown): void {
    const { shared, name, stopping } = this.#host
    if (!stopping) shared.troubles.begin('position', error, name, this.#table)
  }

  #read(text: string): TablePosition {
    const { source } = this.#host.shared
    return new TablePosition(text, (a, b) => source.compare(a, b))
  }
}
