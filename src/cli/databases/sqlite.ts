import { existsSync } from 'node:fs'
import { type SqliteDatabase, sqliteExecutor } from 'batchflow-otel/sqlite'
import { CliError } from '../errors.ts'
import type { Kind } from '../input/kinds.ts'
import { importFirst } from '../packages.ts'
import { createTable, type Database, type OpenOptions } from './database.ts'

type Client = SqliteDatabase & { close(): void }
type ClientClass = new (file: string) => Client

interface Module {
  readonly default?: ClientClass
  readonly DatabaseSync?: ClientClass
}

/** The last of them comes with Node since 22.5. */
const CLIENTS = ['better-sqlite3', 'libsql', 'node:sqlite']

export async function openSqlite({ url, missing }: OpenOptions): Promise<Database> {
  const module = await importFirst<Module>(CLIENTS)
  const Client = module?.DatabaseSync ?? module?.default
  if (Client === undefined) {
    throw new CliError('sqlite: needs Node 22.5 or later, or a package: npm install batchflow-otel libsql')
  }
  const file = url.replace(/^sqlite:(\/\/)?/, '')
  const isMissing = !NO_PATH.test(file) && !existsSync(file)
  if (isMissing && missing === undefined) throw new CliError(`there is no database ${file}; load --create makes it`)
  const client = new Client(isMissing && missing === 'imagine' ? ':memory:' : file)
  client.exec(`PRAGMA busy_timeout = ${BUSY}`)
  const [version] = client.prepare('SELECT sqlite_version() AS version').all!() as { version: string }[]
  return {
    label: `SQLite ${version?.version}`,
    executor: sqliteExecutor(client),
    kindOf,
    createSql: (path, columns, keys) =>
      createTable(path.map(quote).join('.'), columns, keys, { quote, type: ({ kind }) => TYPES[kind] }),
    run: async (sql) => void client.exec(sql),
    close: async () => client.close(),
  }
}

/** In memory, or a URL of the client. */
const NO_PATH = /^:memory:$|^\w{2,}:/

/** How long others may write (ms), as in `better-sqlite3`: nothing but the load waits for it. */
const BUSY = 5000

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
