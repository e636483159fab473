import type { ConflictAction, Row, Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { brand } from '../../support/brand.ts'
import type { Pipeline, Preamble } from './pipeline.ts'

/** Writes the commands of one row into a pipeline. @throws {EncodeError} when the row cannot be written */
export type RowWriter = (out: Pipeline, row: Row) => void

/** How the rows of one table and one set of columns become commands. */
export interface Recipe {
  readonly write: RowWriter
  /** Sent once before the rows. */
  readonly preamble?: Preamble
  /** A `0` or nil as the last reply to a row means that its key exists: the row fails with `duplicate_key`. */
  readonly refusable?: boolean
  /** Obeys `onConflict.newer`: a `0` as the last reply to a row means that it changed nothing. */
  readonly newer?: boolean
}

/** Works out the recipe, once per table and set of columns. @throws {OptionError} when the table cannot be mapped so */
export type Compile = (table: Table, columns: readonly string[]) => Recipe

/** A ready-made mapping of rows to commands: made by `hash`, `set`, `json`, `stream` or `args`. */
export class Mapping<R extends Row = never> {
  static {
    brand(Mapping, 'redis-mapping')
  }

  /** @internal */
  readonly compile: Compile
  /** For deletions; absent where it has none. @internal */
  readonly remove: Compile | undefined
  /** Carries the row type; never present at run time. */
  declare readonly '~row'?: (row: R) => void

  /** @internal */
  constructor(compile: Compile, remove?: Compile) {
    this.compile = compile
    this.remove = remove
  }
}

/** A value as an argument of a command; see `docs/backends.md` for the text each type becomes. */
export type RedisValue = string | number | bigint | boolean | Date | Uint8Array | object

/** One command: its name, then its arguments. */
export type RedisCommand = readonly [command: string, ...args: RedisValue[]]

/**
 * The user's own mapping: the command of a row, or several, which are then carried out together (MULTI/EXEC), or an
 * empty array when there is nothing to do for it. What happens on a conflict is up to the commands; the table's action still says how rows of one key are coalesced (those with `add` are added up).
 * Not for a table with `onConflict.newer`. Of a table with `deletes` it is given deletions, too: `isDeletion(row)` tells them.
 */
export type CommandFunction<R extends Row = never> = (row: R, table: Table) => RedisCommand | readonly RedisCommand[]

/** @throws {OptionError} naming the table and its action */
export function allow(mapping: string, table: Table, actions: readonly ConflictAction[]): void {
  if (actions.includes(table.action)) return
  throw new OptionError(
    `table ${JSON.stringify(table.name)}: ${mapping}() has no conflict action ${table.action}, only ${actions.join(', ')}`,
  )
}

/** @throws {OptionError} for a table with columns that are added, or the greatest or least */
export function refuseCombined(mapping: string, { name, combine }: Table): void {
  if (combine === undefined) return
  throw new OptionError(`table ${JSON.stringify(name)}: ${mapping}() only replaces: onConflict.set needs hash()`)
}
