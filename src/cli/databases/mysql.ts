import { type MysqlPool, mysqlExecutor } from 'batchflow-otel/mysql'
import type { Kind } from '../input/kinds.ts'
import { importPackage } from '../packages.ts'
import { createTable, type Database, type Described, type Finding, type OpenOptions } from './database.ts'

type Pool = MysqlPool & {
  query(sql: string, values?: readonly unknown[]): Promise<[Record<string, unknown>[], unknown]>
  on(event: 'connection', listener: (connection: { query(sql: string): unknown }) => void): unknown
  end(): Promise<void>
}

interface Mysql2 {
  readonly createPool: (options: object) => Pool
}

/** For asking, and for cancelling what takes too long. */
const SPARE = 2

export async function openMysql({ url, connections }: OpenOptions): Promise<Database> {
  const { createPool } = await importPackage<Mysql2>('mysql2/promise', 'mysql:// needs')
  const uri = url.replace(/^mariadb:/, 'mysql:')
  const pool = createPool({ uri, connectionLimit: connections + SPARE, timezone: 'Z', connectTimeout: 10_000 })
  pool.on('connection', (connection) => connection.query("SET time_zone = '+00:00'"))
  try {
    const [rows] = await pool.query('SELECT VERSION() AS version')
    const version = String(rows[0]?.['version'])
    return {
      label: `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]}`,
      executor: mysqlExecutor(pool),
      describe: (path) => describe(pool, path),
      createSql: (path, columns, keys) =>
        createTable(nameOf(path), columns, keys, {
          quote,
          type: ({ kind }, isKey) => (isKey && TYPES[kind] === 'longtext' ? 'varchar(191)' : TYPES[kind]),
        }),
      run: async (sql) => void (await pool.query(sql)),
      rights: (path) => rights(pool, path),
      timeOf,
      close: () => pool.end(),
    }
  } catch (error) {
    await pool.end()
    throw error
  }
}

const ZONED = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)$/

/** MySQL does not take a zone everywhere: the time in UTC, which the connections speak. Digits below a millisecond stay. */
function timeOf(text: string): unknown {
  const [, day, time, fraction = '', zone] = ZONED.exec(text) ?? []
  const at = Date.parse(`${day}T${time}${zone?.length === 3 ? `${zone}:00` : zone}`)
  return Number.isNaN(at) ? text : `${new Date(at).toISOString().slice(0, -5).replace('T', ' ')}${fraction}`
}

const TYPES: Readonly<Record<Kind, string>> = {
  boolean: 'boolean',
  integer: 'bigint',
  decimal: 'decimal(65,30)',
  number: 'double',
  instant: 'datetime(6)',
  timestamp: 'datetime(6)',
  date: 'date',
  json: 'json',
  bytes: 'longblob',
  array: 'json',
  text: 'longtext',
}

const KINDS: Readonly<Record<string, Kind>> = {
  tinyint: 'integer',
  smallint: 'integer',
  mediumint: 'integer',
  int: 'integer',
  bigint: 'integer',
  decimal: 'decimal',
  float: 'number',
  double: 'number',
  datetime: 'instant',
  timestamp: 'instant',
  date: 'date',
  json: 'json',
  binary: 'bytes',
  varbinary: 'bytes',
  blob: 'bytes',
  longblob: 'bytes',
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

function nameOf(path: readonly string[]): string {
  return path.map(quote).join('.')
}

/** Database and table; without a database, the one of the connection. */
function placeOf(path: readonly string[]): [string | null, string] {
  return [path.length > 1 ? path[0]! : null, path.at(-1)!]
}

async function describe(pool: Pool, path: readonly string[]): Promise<Described | undefined> {
  const where = 'WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?'
  const [columns] = await pool.query(
    `SELECT column_name AS name, column_type AS type, data_type AS base FROM information_schema.columns ${where}
     AND generation_expression IN ('', 'NULL') OR (table_schema = COALESCE(?, DATABASE()) AND table_name = ?
     AND generation_expression IS NULL) ORDER BY ordinal_position`,
    [...placeOf(path), ...placeOf(path)],
  )
  if (columns.length === 0) return undefined
  const [keys] = await pool.query(
    `SELECT index_name AS name, column_name AS col FROM information_schema.statistics ${where}
     AND non_unique = 0 ORDER BY index_name = 'PRIMARY' DESC, index_name, seq_in_index`,
    placeOf(path),
  )
  const unique = new Map<string, string[]>()
  for (const { name, col } of keys) unique.set(String(name), [...(unique.get(String(name)) ?? []), String(col)])
  return {
    columns: columns.map(({ name, type, base }) => ({
      name: String(name),
      type: String(type),
      kind: type === 'tinyint(1)' ? 'boolean' : (KINDS[String(base)] ?? 'text'),
    })),
    unique: [...unique.values()],
  }
}

/**
 * What a grant names is granted. What none names may still be, by a role or a pattern, so it is never said to be missing: the
 * batch without rows tells that.
 */
async function rights(pool: Pool, path: readonly string[]): Promise<Finding[]> {
  const [rows] = await pool.query('SHOW GRANTS')
  const [current] = await pool.query('SELECT DATABASE() AS name')
  const database = path.length > 1 ? path[0]! : String(current[0]?.['name'])
  const places = ['*.*', `${quote(database)}.*`, `${quote(database)}.${quote(path.at(-1)!)}`]
  const grants = rows.map((row) => /^GRANT (.+) ON (.+?) TO /.exec(String(Object.values(row)[0])))
  const granted = grants.flatMap((grant) => (grant !== null && places.includes(grant[2]!) ? grant[1]!.split(', ') : []))
  return ['INSERT', 'UPDATE', 'SELECT', 'DELETE'].map((right) => {
    const isThere = granted.includes(right) || granted.includes('ALL PRIVILEGES')
    return { ok: isThere || undefined, text: right }
  })
}
