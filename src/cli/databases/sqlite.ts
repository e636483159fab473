import { type SqliteDatabase, sqliteExecutor } from 'batchflow-otel/sqlite'
import { CliError } from '../errors.ts'
import type { Kind } from '../input/kinds.ts'
import { importFirst } from '../packages.ts'
import { createTable, type Database, type Described, type OpenOptions } from './database.ts'

type Client = SqliteDatabase & { close(): void }
type ClientClass = new (file: string) => Client

interface Module {
  readonly default?: ClientClass
  readonly DatabaseSync?: ClientClass
}

/** The last of them comes with Node since 22.5. */
const CLIENTS = ['better-sqlite3', 'libsql', 'node:sqlite']

export async function openSqlite({ url }: OpenOptions): Promise<Database> {
  const module = await importFirst<Module>(CLIENTS)
  const Client = module?.DatabaseSync ?? module?.default
  if (Client === undefined) {
    throw new CliError('sqlite: needs Node 22.5 or later, or a package: npm install batchflow-otel libsql')
  }
  const file = url.replace(/^sqlite:(\/\/)?/, '')
  const client = new Client(file)
  const all: All = (sql) => client.prepare(sql).all!() as Record<string, unknown>[]
  const version = String(all('SELECT sqlite_version() AS version')[0]?.['version'])
  return {
    label: `SQLite ${version}`,
    executor: sqliteExecutor(client),
    describe: async (path) => describe(all, path),
    createSql: (path, columns, keys) =>
      createTable(path.map(quote).join('.'), columns, keys, { quote, type: ({ kind }) => TYPES[kind] }),
    run: async (sql) => void client.exec(sql),
    rights: async () => {
      try {
        client.exec('BEGIN IMMEDIATE; ROLLBACK')
        return [{ ok: true, text: 'the file can be written to' }]
      } catch (error) {
        return [{ ok: false, text: `the file cannot be written to: ${String((error as NodeJS.ErrnoException).code)}` }]
      }
    },
    close: async () => client.close(),
  }
}

const TYPES: Readonly<Record<Kind, string>> = {
  boolean: 'boolean',
  integer: 'integer',
  decimal: 'numeric',
  number: 'real',
  instant: 'text',
  timestamp: 'text',
  date: 'text',
  json: 'text',
  bytes: 'blob',
  array: 'text',
  text: 'text',
}

/** By the rules SQLite itself finds the affinity of a declared type with. */
function kindOf(type: string): Kind {
  if (/bool/i.test(type)) return 'boolean'
  if (/int/i.test(type)) return 'integer'
  if (/char|clob|text/i.test(type)) return 'text'
  if (/blob/i.test(type)) return 'bytes'
  if (/real|floa|doub/i.test(type)) return 'number'
  if (/date|time/i.test(type) || type === '') return 'text'
  return 'decimal'
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

type All = (sql: string) => Record<string, unknown>[]

function describe(all: All, path: readonly string[]): Described | undefined {
  const schema = path.length > 1 ? `${quote(path[0]!)}.` : ''
  const name = quote(path.at(-1)!)
  const columns = all(`PRAGMA ${schema}table_xinfo(${name})`).filter(({ hidden }) => Number(hidden) === 0)
  if (columns.length === 0) return undefined
  const primary = columns.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a['pk']) - Number(b['pk']))
  const indexes = all(`PRAGMA ${schema}index_list(${name})`).filter(
    ({ unique, partial, origin }) => Number(unique) === 1 && Number(partial) === 0 && origin !== 'pk',
  )
  const columnsOf = ({ name }: Record<string, unknown>) =>
    all(`PRAGMA ${schema}index_info(${quote(String(name))})`).map(({ name }) => String(name))
  return {
    columns: columns.map(({ name, type }) => ({
      name: String(name),
      type: String(type),
      kind: kindOf(String(type)),
    })),
    unique: [...(primary.length > 0 ? [primary.map(({ name }) => String(name))] : []), ...indexes.map(columnsOf)],
  }
}
