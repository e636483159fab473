import { type MysqlPool, mysqlExecutor } from 'batchflow-otel/mysql'
import type { Kind } from '../input/kinds.ts'
import { importPackage } from '../packages.ts'
import { createTable, type Database, type OpenOptions } from './database.ts'

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
      kindOf,
      createSql: (path, columns, keys) =>
        createTable(nameOf(path), columns, keys, {
          quote,
          type: ({ kind }, isKey) => (isKey && TYPES[kind] === 'longtext' ? 'varchar(191)' : TYPES[kind]),
        }),
      run: async (sql) => void (await pool.query(sql)),
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

/** `int(10) unsigned` is an `int`. */
function kindOf(type: string): Kind {
  return type === 'tinyint(1)' ? 'boolean' : (KINDS[/^\w+/.exec(type)?.[0] ?? ''] ?? 'text')
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

function nameOf(path: readonly string[]): string {
  return path.map(quote).join('.')
}
