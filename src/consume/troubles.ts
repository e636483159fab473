import { diag } from '@opentelemetry/api'
import { AttemptError } from '../contract/driver.ts'
import { Guard } from '../support/guard.ts'

/**
 * What keeps a worker from going on.
 *
 * - `source`: the log cannot be reached.
 * - `place`: a table takes no rows (it or a right is missing, the database is away), or `decode` returns none: it is
 *   asynchronous.
 * - `position`: where the database stands cannot be read or moved.
 * - `dead-letter`: a message cannot be put aside.
 * - `acknowledge`, `keep-alive`, `lag`: the log did not take or answer it.
 * - `unknown-table`: a message names a table that is not among `tables`, and `unknownTables` is `pause`.
 */
export type TroubleKind =
  | 'source'
  | 'place'
  | 'position'
  | 'dead-letter'
  | 'acknowledge'
  | 'keep-alive'
  | 'lag'
  | 'unknown-table'

/** Told when a trouble begins, and when it is over. */
export interface Trouble {
  readonly kind: TroubleKind
  /** `undefined`: it concerns the worker as a whole. */
  readonly partition: string | undefined
  readonly table: string | undefined
  /** What was met first; `undefined`: it is over. */
  readonly error: Error | undefined
}

export type TroubleHandler = (trouble: Trouble) => void

/** Tells of each trouble once when it begins and once when it is over, however often it is met meanwhile. */
export class Troubles {
  readonly #worker: string
  readonly #handler: TroubleHandler
  readonly #now = new Map<string, Omit<Trouble, 'error'>>()

  /** @param worker whose they are, for messages. @param handler without one, `diag` is told */
  constructor(worker: string, handler: TroubleHandler | undefined) {
    const guard = new Guard('onTrouble threw; further errors of it are not logged')
    this.#worker = worker
    this.#handler = guard.wrap(handler ?? ((trouble) => this.#log(trouble)))
  }

  /** Those there are now. */
  get current(): readonly Omit<Trouble, 'error'>[] {
    return [...this.#now.values()]
  }

  begin(kind: TroubleKind, error: unknown, partition?: string, table?: string): void {
    const key = JSON.stringify([kind, partition, table])
    if (this.#now.has(key)) return
    const trouble = { kind, partition, table }
    this.#now.set(key, trouble)
    const met = error instanceof AttemptError ? error.cause : error
    this.#handler({ ...trouble, error: met instanceof Error ? met : new Error(String(met)) })
  }

  end(kind: TroubleKind, partition?: string, table?: string): void {
    const key = JSON.stringify([kind, partition, table])
    const trouble = this.#now.get(key)
    if (trouble === undefined) return
    this.#now.delete(key)
    this.#handler({ ...trouble, error: undefined })
  }

  /** A partition is gone, and what troubled it. */
  forget(partition: string): void {
    for (const [key, trouble] of this.#now) if (trouble.partition === partition) this.#now.delete(key)
  }

  #log({ kind, partition, table, error }: Trouble): void {
    const where = [partition && `partition ${partition}`, table && `table ${table}`].filter(Boolean).join(', ')
    const text = `batchflow-otel: ${this.#worker}: ${kind}${where && ` (${where})`}`
    if (error === undefined) diag.info(`${text}: it goes on`)
    else diag.warn(`${text}: it waits and tries again: ${error.message}`, error)
  }
}
