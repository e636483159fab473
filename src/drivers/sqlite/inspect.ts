import type { Table } from '../../contract/table.ts'
import type { ColumnFacts, TableFacts } from '../../contract/table-facts.ts'
import { quoteIdentifier } from '../kit/sql.ts'
import type { Session } from './session.ts'

type Answer = Readonly<Record<string, unknown>>

/** SQLite has no rights but those to the file, which a batch without rows shows. */
export function inspectTable(session: Session, { path }: Table): TableFacts | undefined {
  const schema = path.length > 1 ? `${quoteIdentifier(path[0]!)}.` : ''
  const ask = (pragma: string, name: string) =>
    session.read(`PRAGMA ${schema}${pragma}(${quoteIdentifier(name)})`, []) as Answer[]
  const name = path.at(-1)!
  const columns = ask('table_xinfo', name)
  if (columns.length === 0) return undefined
  const primary = columns.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a['pk']) - Number(b['pk']))
  const indexes = ask('index_list', name).filter(
    ({ unique, partial, origin }) => Number(unique) === 1 && Number(partial) === 0 && origin !== 'pk',
  )
  return {
    columns: columns.map((column) => columnFacts(column, primary)),
    caseless: true,
    unique: [
      ...(primary.length > 0 ? [primary.map(({ name }) => String(name))] : []),
      ...indexes.map((index) => ask('index_info', String(index['name'])).map(({ name }) => String(name))),
    ],
  }
}

/** `hidden` numbers generated columns from 2 on. A single INTEGER PRIMARY KEY is the row's number, which SQLite gives. */
function columnFacts({ name, type, notnull, dflt_value, hidden }: Answer, primary: readonly Answer[]): ColumnFacts {
  const isRowId = primary.length === 1 && primary[0]!['name'] === name && /^integer$/i.test(String(type))
  return {
    name: String(name),
    type: String(type),
    generated: Number(hidden) >= 2,
    required: Number(notnull) === 1 && dflt_value === null && !isRowId,
  }
}
