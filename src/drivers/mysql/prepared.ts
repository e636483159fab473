import { Recent } from '../kit/recent.ts'
import type { MysqlConnection } from './client.ts'

/** Prepared statements of ours that one connection keeps; those of all clients together are bounded by the server. */
const MOST = 100

/** Keyed by the connection itself, which outlives the views of it that a pool hands out. */
const known = new WeakMap<object, Recent<string, true>>()

/** The statement is about to be used: it stays prepared, and the one not used for longest goes where there are too many. */
export function keepPrepared(connection: MysqlConnection, sql: string): void {
  let prepared = known.get(connection.connection)
  if (prepared === undefined) known.set(connection.connection, (prepared = new Recent(MOST)))
  if (prepared.get(sql) !== undefined) return
  const dropped = prepared.set(sql, true)
  if (dropped !== undefined) connection.unprepare(dropped)
}

/** The statement is closed: what it takes on the server is worth more than the time to prepare it again. */
export function forgetPrepared(connection: MysqlConnection, sql: string): void {
  if (known.get(connection.connection)?.delete(sql)) connection.unprepare(sql)
}
