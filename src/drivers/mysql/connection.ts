import type { Lease as LeaseOf, Lender } from '../kit/lease.ts'
import { isServerError, type MysqlConnection, type MysqlPromisePool, type ServerError } from './client.ts'

export type Lease = LeaseOf<MysqlConnection>

/** The connections of a pool. */
export function lenderOf(pool: MysqlPromisePool): Lender<MysqlConnection> {
  return {
    borrow: async (listen) => {
      const connection = await pool.getConnection()
      listen(connection)
      return connection
    },
    giveBack: (connection, doubt) => (doubt === undefined ? connection.release() : connection.destroy()),
    outlives: (error) => isRefusal(error) && !refusesWrites(error),
  }
}

/** Shutdown, kill, or a packet that came apart: the server hangs up after it. */
const LAST_WORDS = new Set([1040, 1043, 1053, 1079, 1080, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031])

/** The server answered, and lives on: what it refuses it has rolled back. */
export function isRefusal(error: unknown): error is ServerError {
  return isServerError(error) && !LAST_WORDS.has(error.errno)
}

/** After a failover this server is a replica, and a new connection may reach its successor. */
function refusesWrites({ errno }: ServerError): boolean {
  return errno === 1290 || errno === 1836
}
