import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import type { MysqlConnection } from './client.ts'
import type { Victim } from './fence.ts'
import { settingsOf } from './server.ts'

/** How long the way over the other connection may take, in ms. */
const PATIENCE = 1000

/**
 * Has the server end what the connection is running, over another connection of the pool. In a pool that has none to spare
 * for that long, the statement is left behind. True: no kill is still on its way.
 */
export async function cancelStatement(
  lender: Lender<MysqlConnection>,
  connection: MysqlConnection,
  { threadId, settings }: Victim,
): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE)
  const isSent = await withLease(lender, signal, async (other) => {
    const { server } = await settingsOf(other, signal)
    if (server !== settings.server) return false // there the number is somebody else's
    await answerTo(other, other.connection.query({ sql: `KILL QUERY ${Number(threadId)}` }), signal)
    return true
  })
  return isSent && absorbKill(connection)
}

/** A kill that comes when nothing runs any more may hit the next statement, on some servers: let it be one of ours. */
async function absorbKill(connection: MysqlConnection): Promise<boolean> {
  await connection.query({ sql: 'DO 0' }).catch(() => undefined)
  return connection.query({ sql: 'DO 0' }).then(
    () => true,
    () => false,
  )
}
