import { type PgPool, postgresExecutor } from 'batchflow-otel/postgres'
import type { Kind } from '../input/kinds.ts'
import { importPackage } from '../packages.ts'
import { createTable, type Database, type OpenOptions } from './database.ts'

interface Pool extends PgPool {
  query(sql: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  end(): Promise<void>
}

interface Pg {
  readonly default: { Pool: new (options: object) => Pool }
}

/** For asking, and for cancelling what takes too long. */
const SPARE = 2

export async function openPostgres({ url, connections }: OpenOptions): Promise<Database> {
  const { default: pg } = await importPackage<Pg>('pg', 'postgres:// needs')
  const pool = new pg.Pool({ connectionString: url, max: connections + SPARE, connectionTimeoutMillis: 10_000 })
  pool.on('error', () => {}) // an idle connection that breaks is replaced; work that fails says so itself
  try {
    const { rows } = await pool.query('SHOW server_version')
    return {
      label: `PostgreSQL ${String(rows[0]?.['server_version']).split(' ')[0]}`,
      executor: postgresExecutor(pool),
      kindOf,
      createSql: (path, columns, keys) =>
        createTable(nameOf(path), columns, keys, { quote, type: ({ kind }) => TYPES[kind] }),
      run: async (sql) => void (await pool.query(sql)),
      close: () => pool.end(),
    }
  } catch (error) {
    await pool.end()
    throw error
  }
}

const TYPES: Readonly<Record<Kind, string>> = {
  boolean: 'boolean',
  integer: 'bigint',
  decimal: 'numeric',
  number: 'double precision',
  instant: 'timestamptz',
  timestamp: 'timestamp',
  date: 'date',
  json: 'jsonb',
  bytes: 'bytea',
  array: 'jsonb',
  text: 'text',
}

/** By a map: a type of the user's own may be called `constructor`. */
const KINDS: ReadonlyMap<string, Kind> = new Map(
  Object.entries<Kind>({
    boolean: 'boolean',
    smallint: 'integer',
    integer: 'integer',
    bigint: 'integer',
    numeric: 'decimal',
    real: 'number',
    'double precision': 'number',
    'timestamp with time zone': 'instant',
    'timestamp without time zone': 'timestamp',
    date: 'date',
    json: 'json',
    jsonb: 'json',
    bytea: 'bytes',
  }),
)

/** `numeric(10,2)` is `numeric`, `timestamp(3) with time zone` one without digits. */
function kindOf(type: string): Kind {
  return type.endsWith('[]') ? 'array' : (KINDS.get(type.replace(/\([\d,]+\)/, '')) ?? 'text')
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function nameOf(path: readonly string[]): string {
  return path.map(quote).join('.')
}
