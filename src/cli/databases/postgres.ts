import { type PgPool, postgresExecutor } from 'batchflow-otel/postgres'
import type { Kind } from '../input/kinds.ts'
import { importPackage } from '../packages.ts'
import { createTable, type Database, type Described, type Finding, type OpenOptions } from './database.ts'

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
      describe: (path) => describe(pool, path),
      createSql: (path, columns, keys) =>
        createTable(nameOf(path), columns, keys, { quote, type: ({ kind }) => TYPES[kind] }),
      run: async (sql) => void (await pool.query(sql)),
      rights: (path) => rights(pool, path),
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

const KINDS: Readonly<Record<string, Kind>> = {
  bool: 'boolean',
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  numeric: 'decimal',
  float4: 'number',
  float8: 'number',
  timestamptz: 'instant',
  timestamp: 'timestamp',
  date: 'date',
  json: 'json',
  jsonb: 'json',
  bytea: 'bytes',
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function nameOf(path: readonly string[]): string {
  return path.map(quote).join('.')
}

const COLUMNS = `SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type,
  t.typname::text AS base, t.typcategory::text AS category
FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`

const UNIQUE = `SELECT array(SELECT attname::text FROM unnest(indkey::int2[]) WITH ORDINALITY AS key(attnum, place)
  JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = key.attnum
  WHERE place <= indnkeyatts ORDER BY place) AS columns
FROM pg_index WHERE indrelid = $1::regclass AND indisunique AND indpred IS NULL AND indexprs IS NULL AND indisvalid
ORDER BY indisprimary DESC`

async function describe(pool: Pool, path: readonly string[]): Promise<Described | undefined> {
  const name = nameOf(path)
  const found = await pool.query('SELECT to_regclass($1) AS oid', [name])
  if (found.rows[0]?.['oid'] === null) return undefined
  const [columns, unique] = [await pool.query(COLUMNS, [name]), await pool.query(UNIQUE, [name])]
  return {
    columns: columns.rows.map(({ name, type, base, category }) => ({
      name: String(name),
      type: String(type),
      kind: category === 'A' ? 'array' : (KINDS[String(base)] ?? 'text'),
    })),
    unique: unique.rows.map(({ columns }) => columns as string[]),
  }
}

async function rights(pool: Pool, path: readonly string[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const right of ['INSERT', 'UPDATE', 'SELECT', 'DELETE']) {
    const { rows } = await pool.query('SELECT has_table_privilege($1, $2) AS granted', [nameOf(path), right])
    findings.push({ ok: rows[0]?.['granted'] === true, text: right })
  }
  return findings
}
