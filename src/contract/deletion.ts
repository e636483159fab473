import { setField } from '../support/field.ts'
import { InvalidRowError } from './errors.ts'
import type { ColumnOf, Row } from './row.ts'
import type { Table } from './table.ts'

/** On every deletion, and on copies of it, whichever copy of this package made it: a copy must not be taken for a row. */
const MARK: unique symbol = Symbol.for('batchflow-otel.deletion.1') as never

/** Stands for a row that is to be deleted: its conflict keys, and its version where the table has `newer`. Made by {@link deletion}. */
export type Deletion<R extends Row = Row> = { readonly [P in ColumnOf<R>]?: R[P] } & {
  readonly [MARK]: Of<ColumnOf<R>>
}

/** `true`; to the compiler it says which properties there are, so that one the table does not have is an error. */
type Of<Property> = true & { readonly properties?: Property }

/** What a table takes: a row, or the deletion of one. */
export type Change<R extends Row> = R | Deletion<R>

/**
 * What a deletion of a row of `Table<R, K>` is made of: its properties `K`, which are the conflict keys and the one that `newer` names.
 * Where the type of the table does not name them, any, and what is missing shows when it is submitted.
 */
export type DeletionKey<R extends Row, K extends string = string> = string extends K
  ? { readonly [P in ColumnOf<R>]?: R[P] }
  : { readonly [P in K & ColumnOf<R>]-?: Exclude<R[P], null | undefined> }

/** @internal */
export class DeletionRow {
  readonly [MARK] = true

  constructor(key: object) {
    for (const [property, value] of Object.entries(key ?? {})) setField(this, property, value)
    Object.freeze(this)
  }
}

/**
 * The deletion of the row that has `key`, to be submitted as rows are, in order with them, to a table with `deletes`. `key` has
 * the properties that the table's `onConflict` names as `keys`, and as `newer`, each with a value, and no others.
 *
 * ```ts
 * await flow.submitMany(users, [{ id: 1, name: 'Ada' }, deletion({ id: 2 })])
 * ```
 */
export function deletion<K extends Row>(key: K): Deletion<K> {
  return new DeletionRow(key) as unknown as Deletion<K>
}

/** Whether something was made by {@link deletion}: rows that a `deadLetter` handler or a mapping is given may have been. */
export function isDeletion<R extends Row>(row: Change<R>): row is Deletion<R> {
  return (row as { readonly [MARK]?: unknown })[MARK] === true
}

const isAmongPrototypes = Object.prototype.isPrototypeOf
const PROTOTYPE = DeletionRow.prototype

/** The same of any object, but for copies: to look for a mark, or by `instanceof`, takes 20 ns a row, and this hardly any time. */
export function isMadeDeletion(row: object): boolean {
  return isAmongPrototypes.call(PROTOTYPE, row)
}

/** The same, whether the table takes deletions or not. */
function isMarked({ deletes }: Pick<Table, 'deletes'>, row: object): boolean {
  return deletes === undefined ? isMadeDeletion(row) : isDeletion(row)
}

/** @throws {InvalidRowError} where `row` is the deletion of one and the table takes none, or not this one */
export function checkChange(table: Pick<Table, 'name' | 'deletes'>, row: object): void {
  if (isMarked(table, row)) checkDeletion(table, row)
}

/** @throws {InvalidRowError} where the table takes no deletions, or not this one */
function checkDeletion({ name, deletes }: Pick<Table, 'name' | 'deletes'>, row: object): void {
  const table = `table ${JSON.stringify(name)}`
  if (deletes === undefined) throw new InvalidRowError(`${table} takes no deletions: define it with deletes: true`)
  const isThere = (property: string) => Object.hasOwn(row, property) && Reflect.get(row, property) != null
  if (deletes.every(isThere) && Object.keys(row).length === deletes.length) return
  throw new InvalidRowError(
    `a deletion of ${table} must have ${deletes.join(', ')}, each with a value, and nothing else`,
  )
}
