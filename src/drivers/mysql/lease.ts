import { AttemptError } from '../../contract/driver.ts'
import { isServerError, type MysqlConnection, type MysqlPromisePool } from './client.ts'

/** A borrowed connection. In `doubt` it does not go back to serve others: it is closed. */
export interface Lease {
  readonly connection: MysqlConnection
  doubt: boolean
}

/** A broken connection says so twice: to the statement and as an event, which nobody else listens to. */
function ignoreError(): void {}

/** Borrows a connection for `work`, which notes in the lease any doubt it has about it. */
export async function withConnection<T>(
  pool: MysqlPromisePool,
  signal: AbortSignal,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  const connection = await acquire(pool, signal)
  const lease: Lease = { connection, doubt: false }
  connection.on('error', ignoreError)
  try {
    return await work(lease)
  } catch (error) {
    lease.doubt ||= doubtful(error instanceof AttemptError ? error.cause : error, signal)
    throw error
  } finally {
    giveBack(lease)
  }
}

/** One that is closed may still speak of errors. */
function giveBack({ connection, doubt }: Lease): void {
  if (doubt) connection.destroy()
  else {
    connection.removeListener('error', ignoreError)
    connection.release()
  }
}

/** After an answer of the server the connection is as good as before, unless the answer was its last. */
function doubtful(error: unknown, signal: AbortSignal): boolean {
  if (isServerError(error)) return endsConnection(error) || refusesWrites(error)
  return !(signal.aborted && error === signal.reason)
}

/** Shutdown, kill, or a packet that came apart: the server hangs up after it. */
const LAST_WORDS = new Set([1040, 1043, 1053, 1079, 1080, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031])

export function endsConnection({ errno }: { readonly errno: number }): boolean {
  return LAST_WORDS.has(errno)
}

/** After a failover this server is a replica, and a new connection may reach its successor. */
function refusesWrites({ errno }: { readonly errno: number }): boolean {
  return errno === 1290 || errno === 1836
}

/** An abort gives up waiting; the connection, when it comes after all, goes straight back. */
async function acquire(pool: MysqlPromisePool, signal: AbortSignal): Promise<MysqlConnection> {
  if (signal.aborted) throw notSent(signal.reason)
  const connecting = pool.getConnection()
  try {
    return await unlessAborted(connecting, signal)
  } catch (error) {
    connecting.then(
      (connection) => connection.release(),
      () => undefined,
    )
    throw error
  }
}

/** @throws {AttemptError} not ambiguous, with what the promise rejects with, or with the signal's reason if that is first */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(notSent(error))
    const abandon = () => fail(signal.reason)
    if (signal.aborted) return abandon()
    signal.addEventListener('abort', abandon, { once: true })
    promise.then(resolve, fail).finally(() => signal.removeEventListener('abort', abandon))
  })
}

export function notSent(cause: unknown): AttemptError {
  return new AttemptError(cause, { ambiguous: false })
}
