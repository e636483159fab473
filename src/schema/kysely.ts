import { defineTable, type Row, type Table, type TableOptions } from '../contract/table.ts'

/** What Kysely lets one insert into a column: `Generated` and `ColumnType` say it themselves, other types are it. */
type Inserted<Column> = Column extends { readonly __insert__: infer Insert } ? Insert : Column

/** Columns that NULL or nothing can stand for. */
type OptionalIn<T> = {
  [C in keyof T]: [undefined] extends [Inserted<T[C]>] ? C : [null] extends [Inserted<T[C]>] ? C : never
}[keyof T]

/** Columns that cannot be inserted at all, `GeneratedAlways`. */
type NeverIn<T> = { [C in keyof T]: [Inserted<T[C]>] extends [never] ? C : never }[keyof T]

/** The rows of a table of Kysely's database interface: what its `Insertable` is. */
export type KyselyRow<T> = {
  [C in keyof T as Exclude<C, OptionalIn<T> | NeverIn<T>>]: Inserted<T[C]>
} & {
  [C in keyof T as C extends Exclude<OptionalIn<T>, NeverIn<T>> ? C : never]?: Inserted<T[C]>
}

/**
 * A table by the interface one has for Kysely. That interface is gone when the program runs, so columns are listed, and held
 * against it.
 *
 * ```ts
 * const users = fromKysely<Database, 'users'>('users', { columns: ['id', 'name'] })
 * ```
 *
 * @throws {OptionError} as `defineTable` does
 */
export function fromKysely<DB, Name extends keyof DB & string>(
  name: Name,
  options: TableOptions<KyselyRow<DB[Name]> & Row>,
): Table<KyselyRow<DB[Name]>> {
  return defineTable<KyselyRow<DB[Name]>>(name, options)
}
