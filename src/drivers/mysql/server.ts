import { answerTo } from '../kit/lease.ts'
import type { Lease } from './connection.ts'
import type { Dialect } from './sql.ts'

/** What the server says about itself and about one connection. */
export interface Settings {
  readonly dialect: Dialect
  /** Takes blocks of statements: MariaDB. */
  readonly blocks: boolean
  /** `max_allowed_packet`, bytes */
  readonly packet: number
  readonly sqlMode: string
  readonly autocommit: boolean
  /** As the server itself counts; a proxy tells its clients numbers of its own. */
  readonly connectionId: number
  /** Tells one server of a cluster from the others. */
  readonly server: string
}

const QUESTION = `SELECT VERSION(), @@max_allowed_packet, @@sql_mode, @@autocommit, CONNECTION_ID(),
  CONCAT_WS(' ', @@hostname, @@port, @@server_id)`

/** Remembered by the connection itself, which outlives the views of it that a pool hands out. */
const known = new WeakMap<object, Settings>()

/** Asked once per connection. */
export async function settingsOf(lease: Lease, signal: AbortSignal): Promise<Settings> {
  const { connection } = lease
  const remembered = known.get(connection.connection)
  if (remembered !== undefined) return remembered
  const [rows] = await answerTo(lease, connection.query({ sql: QUESTION, rowsAsArray: true }), signal)
  const settings = readSettings((rows as unknown[][])[0]!.map(String))
  known.set(connection.connection, settings)
  return settings
}

function readSettings(answers: readonly string[]): Settings {
  const [version = '', packet, sqlMode = '', autocommit, id, server = ''] = answers
  return {
    dialect: dialectOf(version),
    blocks: /mariadb/i.test(version),
    packet: Number(packet),
    sqlMode,
    autocommit: autocommit === '1',
    connectionId: Number(id),
    server,
  }
}

/** `10.11.19-MariaDB`, `8.0.11-TiDB-v7.5.0`, `8.4.2`: only MySQL itself deprecates `VALUES()`, since 8.0.20. */
export function dialectOf(version: string): Dialect {
  if (/mariadb|tidb/i.test(version)) return 'values'
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number)
  return major > 8 || (major === 8 && (minor > 0 || patch >= 20)) ? 'alias' : 'values'
}

/**
 * The mode a batch is to be written in, or `undefined` when the connection has it. Without strictness the server would
 * store something else in place of a bad value; without backslashes `mysql2` would escape values wrongly.
 */
export function strictMode(sqlMode: string): string | undefined {
  const modes = sqlMode.split(',')
  const isStrict = modes.some((mode) => mode === 'STRICT_TRANS_TABLES' || mode === 'STRICT_ALL_TABLES')
  if (isStrict && !modes.includes('NO_BACKSLASH_ESCAPES')) return undefined
  const kept = modes.filter((mode) => mode !== '' && mode !== 'NO_BACKSLASH_ESCAPES')
  return [...kept, 'STRICT_TRANS_TABLES'].join(',')
}
