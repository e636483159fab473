import type { Executor } from 'batchflow-otel'
import type { Contents } from '../model.ts'

/** A database that the demo loads into, with the tables of `tables.ts` made anew and empty. */
export interface Store {
  /** For people: `PostgreSQL 18.4, embedded`. */
  readonly label: string
  readonly executor: Executor
  readonly trouble: Trouble
  /** Reads everything back. */
  contents(): Promise<Contents>
  /** Ends what was opened and started; the tables stay to be looked at. */
  close(): Promise<void>
}

/** How errors are made for real, on the table `rehearsal` alone. */
export interface Trouble {
  /** What the row `REFUSED` fails by. */
  readonly refusal: string
  /** Absent where writers cannot be held up without harm to others. */
  readonly hold?: Hold
}

export interface Hold {
  /** What becomes of an attempt meanwhile. */
  readonly consequence: string
  /** Keeps writers out of the table while `work` runs. */
  during<T>(work: () => Promise<T>): Promise<T>
}

export interface StoreOptions {
  readonly url: string
  /** Of the schema, database or key prefix that is the demo's own: dropped and made anew. */
  readonly schema: string
  /** Connections that may be needed at once. */
  readonly connections: number
}
