import type { MysqlConnection, MysqlPromisePool } from './client.ts'

/**
 * Has the server end what the connection is running, over another connection of the pool. In a pool that has none to spare
 * for that long, the statement is left behind. True: no kill is still on its way.
 */
export async function cancelStatement(pool: MysqlPromisePool, connection: MysqlConnection): Promise<boolean> {
  const other = await pool.getConnection()
  try {
    await other.query({ sql: `KILL QUERY ${Number(connection.threadId)}` })
  } finally {
    other.release()
  }
  return absorbKill(connection)
}

/** A kill that comes when nothing runs any more may hit the next statement, on some servers: let it be one of ours. */
async function absorbKill(connection: MysqlConnection): Promise<boolean> {
  await connection.query({ sql: 'DO 0' }).catch(() => undefined)
  return connection.query({ sql: 'DO 0' }).then(
    () => true,
    () => false,
  )
}
