import { type Absent, defineTable, type OnConflict, type Row, type Table } from '../contract/table.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { type Option, optional, parse, record, refuse, show, unchecked } from '../support/validate.ts'
import { type Column, columnsIn, isStoredAlike, nameOf, primaryKeyOf } from './drizzle-table.ts'

/** A `pgTable`, `mysqlTable` or `sqliteTable`. */
export interface DrizzleTable {
  readonly $inferInsert: Row
}

type ByPrimaryKey<C> = C extends { readonly keys: infer Keys } ? Omit<C, 'keys'> & { readonly keys?: Keys } : C

/** As for `defineTable`, but that `update`, `replace` and `sql` go by the primary key unless they name keys. */
export type DrizzleConflict<R extends Row> = ByPrimaryKey<OnConflict<R>>

/** The rows of a table, without the columns that are left out. */
type RowOf<T extends DrizzleTable, Left extends PropertyKey> = {
  [P in keyof T['$inferInsert'] as Exclude<P, Left>]: T['$inferInsert'][P]
}

export interface DrizzleOptions<T extends DrizzleTable, Left extends string> {
  /** Properties that are not written: what the database, or Drizzle by `$defaultFn`, fills in. @default none */
  readonly omit?: readonly (Left & keyof T['$inferInsert'])[]
  /** What becomes of a row that meets one that is there already. @default { action: 'error' } */
  readonly onConflict?: DrizzleConflict<RowOf<T, Left>>
  /** What is written where a row has no such property: NULL, or the column's DEFAULT, as Drizzle does. @default 'null' */
  readonly absent?: Absent
  /** Rows may be deleted by their conflict keys, as with `defineTable`. @default false */
  readonly deletes?: boolean
}

const OPTIONS = {
  omit: optional(unchecked<readonly string[]>(), []),
  onConflict: optional((name, value) => record(name, value) as unknown as OnConflict<Row>),
  absent: optional(unchecked<Absent>(), 'null'),
  deletes: optional(unchecked<boolean>(), false),
} satisfies Record<keyof DrizzleOptions<DrizzleTable, string>, Option<unknown>>

/**
 * A table by the one declared for Drizzle: its name, schema, columns by property, and primary key, and rows as `$inferInsert`.
 * Generated columns are left out. Drizzle itself is not loaded.
 *
 * @throws {OptionError} where Drizzle stores a column by a rule of its own, which a batch would not follow
 */
export function fromDrizzle<T extends DrizzleTable, const Left extends string = never>(
  table: T,
  options: DrizzleOptions<T, Left> = {},
): Table<RowOf<T, Left>> {
  const found = columnsIn(table) ?? refuse('fromDrizzle: table', 'a table of drizzle-orm', table)
  const name = nameOf(table)
  const owner = `fromDrizzle(${show(name)})`
  const { omit, onConflict, absent, deletes } = parse(owner, OPTIONS, options)
  const stranger = omit.find((property) => !Object.hasOwn(found, property))
  if (stranger !== undefined)
    throw new OptionError(`${owner}: omit must be among its columns, received ${show(stranger)}`)
  const written = Object.entries(found).filter(([property, column]) => !omit.includes(property) && !isGenerated(column))
  for (const [property, column] of written) checkColumn(owner, property, column)
  return defineTable<Row>(name, {
    columns: Object.fromEntries(written.map(([property, { name }]) => [property, name])) as Record<never, string>,
    absent,
    deletes,
    ...(onConflict !== undefined && { onConflict: withKeys(owner, onConflict, primaryKeyOf(table, found)) }),
  }) as Table<RowOf<T, Left>>
}

function isGenerated({ generated, generatedIdentity }: Column): boolean {
  return (generated !== undefined && generated.type !== 'byDefault') || generatedIdentity?.type === 'always'
}

function checkColumn(owner: string, property: string, column: Column): void {
  if (isStoredAlike(column)) return
  throw new OptionError(
    `${owner}: Drizzle stores ${show(property)} by a rule of its own (${column.columnType}), which a batch does not follow: ` +
      "declare it so that values are stored as they are (mode: 'string', withTimezone: true), or leave it out by omit",
  )
}

function withKeys(owner: string, given: OnConflict<Row>, primary: readonly string[]): OnConflict<Row> {
  if (given.action === 'error' || given.action === 'ignore' || given.keys !== undefined) return given
  if (primary.length > 0) return { ...given, keys: primary as readonly never[] }
  throw new OptionError(`${owner}: onConflict.keys must be given, as the table has no primary key`)
}
