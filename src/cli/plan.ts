import { defineTable, type OnConflict, type Row, type Table } from 'batchflow-otel'
import { type Column, columnsOf, type Database, type NewColumn } from './databases/database.ts'
import { CliError, usage } from './errors.ts'
import type { Entry, Input } from './input/entry.ts'
import { RecordError } from './input/entry.ts'
import { kindOfAll } from './input/infer.ts'
import { type ConvertOptions, convert } from './input/kinds.ts'

export interface PlanOptions {
  readonly table: string
  readonly columns?: readonly string[] | undefined
  /** Fields that go to a column of another name. */
  readonly map: ReadonlyMap<string, string>
  readonly types: ReadonlyMap<string, string>
  readonly create: boolean
  readonly conflict: OnConflict<Record<string, unknown>>
  readonly nullText?: string | undefined
}

/** One column of the table and the field it comes from. */
interface Mapped {
  readonly field: string
  readonly column: Column
}

/** How records of a file become rows of a table. */
export interface Plan {
  readonly table: Table<Row>
  readonly columns: readonly Column[]
  /** The statement that makes the table, where it is not there. */
  readonly create: string | undefined
  /** @throws {RecordError} */
  rowOf(entry: Entry): Record<string, unknown>
  /** The same of a record that was read already. */
  toRow(record: Readonly<Record<string, unknown>>): Record<string, unknown>
}

type Sample = readonly Readonly<Record<string, unknown>>[]

/** @throws {CliError} when what the file has and what the table has do not fit */
export async function planOf(input: Input, sample: Sample, database: Database, options: PlanOptions): Promise<Plan> {
  const fields = fieldsOf(input, sample, options)
  const names = fields.map((field) => options.map.get(field) ?? field)
  const table = defineTable<Row>(options.table, { columns: names as never[], onConflict: options.conflict as never })
  const found = await columnsOf(database, table)
  const { columns, create } =
    found === undefined
      ? invented(fields, names, sample, table, database, options)
      : { columns: matched(names, found, options), create: undefined }
  const mapped = fields.map((field, i) => ({ field, column: columns[i]! }))
  const toRow = rowMaker(input, mapped, options, database)
  const placed = placedRowMaker(input, mapped, options, database)
  return { table, columns, create, rowOf: placed ?? ((entry) => toRow(input.parse(entry))), toRow }
}

function fieldsOf({ fields, name }: Input, sample: Sample, { columns, map }: PlanOptions): readonly string[] {
  const all = fields ?? [...new Set(sample.flatMap((row) => Object.keys(row)))]
  if (all.length === 0)
    throw new CliError(`${name} has no record that tells what columns there are; name them by --columns`)
  for (const field of map.keys())
    if (!all.includes(field)) throw usage(`--map: ${name} has no field ${JSON.stringify(field)}`)
  if (columns === undefined) return all
  const byColumn = new Map(all.map((field) => [map.get(field) ?? field, field]))
  return columns.map((column) => {
    const field = byColumn.get(column)
    if (field !== undefined) return field
    if (fields !== undefined)
      throw usage(`--columns: ${name} has no field ${JSON.stringify(column)}; it has ${all.join(', ')}`)
    return column
  })
}

/** The columns of a table that is there. */
function matched(
  names: readonly string[],
  found: readonly Column[] | 'any',
  { table, types }: PlanOptions,
): readonly Column[] {
  if (types.size > 0) throw usage('--type is for a table that is made by --create; this one is there')
  if (found === 'any') return names.map((name) => ({ name, type: '', kind: 'text' }))
  const known = new Map(found.map((column) => [column.name, column]))
  const strangers = names.filter((name) => !known.has(name))
  if (strangers.length === 0) return names.map((name) => known.get(name)!)
  throw new CliError(
    `table ${table} has no column ${strangers.join(', ')}; it has ${[...known.keys()].join(', ')}: ` +
      'name those to be loaded by --columns a,b, or say where fields go by --map field=column',
  )
}

/** The columns of a table that is not. */
function invented(
  fields: readonly string[],
  names: readonly string[],
  sample: Sample,
  { path, keys }: Table<Row>,
  database: Database,
  { table, create, types }: PlanOptions,
): { columns: readonly Column[]; create: string } {
  if (!create) throw new CliError(`there is no table ${table}; --create makes it, --create --dry-run shows how`)
  for (const name of types.keys())
    if (!names.includes(name)) throw usage(`--type: there is no column ${JSON.stringify(name)}`)
  const columns: NewColumn[] = names.map((name, i) => ({
    name,
    kind: kindOfAll(valuesOf(sample, fields[i]!)) ?? 'text',
    type: types.get(name),
  }))
  const sql = database.createSql(path, columns, keys)
  if (sql === undefined) throw new CliError('this database has no tables to make')
  return { columns: columns.map(({ name, kind, type }) => ({ name, kind, type: type ?? '' })), create: sql }
}

function* valuesOf(sample: Sample, field: string): Generator<unknown> {
  for (const row of sample) yield row[field]
}

function rowMaker(input: Input, mapped: readonly Mapped[], options: PlanOptions, database: Database): Plan['toRow'] {
  const conversion = conversionOf(input, options, database)
  const fields = new Set(mapped.map(({ field }) => field))
  const isOpen = input.fields === undefined && options.columns === undefined
  return (record) => {
    if (isOpen) refuseStrangers(record, fields)
    const row: Record<string, unknown> = {}
    for (const { field, column } of mapped) {
      const value = record[field]
      if (value !== undefined) row[column.name] = convert(value, column.kind, conversion)
    }
    return row
  }
}

/** By the places of the fields, where a file has the same ones throughout: no record is made on the way. */
function placedRowMaker(
  input: Input,
  mapped: readonly Mapped[],
  options: PlanOptions,
  database: Database,
): Plan['rowOf'] | undefined {
  const { fields, values: valuesOf } = input
  if (fields === undefined || valuesOf === undefined) return undefined
  const conversion = conversionOf(input, options, database)
  // A copy has room for all columns at once; one that grows by them is made of two objects, which the collector moves about.
  const empty = Object.fromEntries(mapped.map(({ column: { name } }) => [name, null as unknown]))
  const placed = mapped.map(({ field, column: { name, kind } }) => ({ at: fields.indexOf(field), name, kind }))
  return (entry) => {
    const values = valuesOf(entry)
    const row = { ...empty }
    for (const { at, name, kind } of placed) row[name] = convert(values[at], kind, conversion)
    return row
  }
}

function conversionOf({ fields }: Input, { nullText }: PlanOptions, { timeOf }: Database): ConvertOptions {
  return { nullText: fields === undefined ? undefined : nullText, timeOf }
}

/** A field that came up later than those the columns were found by would be left out silently. */
function refuseStrangers(record: object, fields: ReadonlySet<string>): void {
  for (const field in record) {
    if (fields.has(field)) continue
    throw new RecordError('a field that is not among the columns: name the columns to be loaded by --columns', field)
  }
}
