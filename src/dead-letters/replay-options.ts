import { isTable, type Row, type Table } from '../contract/table.ts'
import { isSignal } from '../support/abort.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { callback, integer, type OptionsOf, oneOf, optional, record, show } from '../support/validate.ts'

/** What a replay has done so far. `read` = `committed` + `failed` + `kept` + `torn`. */
export interface ReplayProgress {
  /** Lines whose fate is decided. */
  readonly read: number
  /** Rows that are in their table now. */
  readonly committed: number
  /** Rows that failed again; their letters are in the file anew, with the new reason. */
  readonly failed: number
  /** Letters that are in the file as before: their rows were not to be submitted, or were not settled by the flow. */
  readonly kept: number
  /** Lines that are no letter, most often as a crash cut them short. They are in `path.torn`. */
  readonly torn: number
}

export interface ReplaySummary extends ReplayProgress {
  /** Letters left: those that failed again, those kept, and those not read as the replay was interrupted. */
  readonly remaining: number
}

export interface ReplayOptions {
  /** Submits no more rows; those under way are waited for. The next replay goes on from there. */
  readonly signal?: AbortSignal
  /** Told each time that progress was saved, at least every `window` letters. */
  readonly onProgress?: (progress: ReplayProgress) => void
  /**
   * Most letters submitted whose outcome is not saved yet; as many may be submitted twice if the process is killed. A
   * small one is slow. @default 4000
   */
  readonly window?: number
  /**
   * What to do with rows that may be in their table already, where the table has no conflict action, so that they might be
   * in it twice: submit them, or keep their letters. @default 'keep'
   */
  readonly ambiguous?: 'submit' | 'keep'
  /** What to do with letters of a table that was not given: stop with an error that names it, or keep them. @default 'error' */
  readonly unknownTable?: 'error' | 'keep'
}

export const REPLAY = {
  signal: optional(isSignal),
  onProgress: optional(callback<(progress: ReplayProgress) => void>()),
  window: optional(integer(1), 4000),
  ambiguous: optional(oneOf('submit', 'keep'), 'keep'),
  unknownTable: optional(oneOf('error', 'keep'), 'error'),
} satisfies OptionsOf<ReplayOptions>

/** Tables by the names in the letters. */
export type ReplayTables = readonly Table[] | Readonly<Record<string, Table>>

/** @throws {OptionError} */
export function tablesByName(given: ReplayTables): ReadonlyMap<string, Table<Row>> {
  const owner = 'replayDeadLetters: tables'
  const named = Array.isArray(given)
    ? given.map((one: unknown) => [isTable(owner, one).name, one] as const)
    : Object.entries<unknown>(record(owner, given))
  const tables = new Map<string, Table<Row>>()
  for (const [name, table] of named) {
    if (tables.has(name)) throw new OptionError(`${owner} has ${show(name)} twice`)
    tables.set(name, isTable(`${owner}: ${name}`, table))
  }
  return tables
}
