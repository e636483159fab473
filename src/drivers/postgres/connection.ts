import type { Lease as LeaseOf, Lender } from '../kit/lease.ts'
import { isServerError, type PgClient, type PgPool, type ServerError } from './client.ts'

export type Lease = LeaseOf<PgClient>

/** After a failover this server is a standby, and a new connection may reach its successor. */
const READ_ONLY = '25006'

/** The clients of a pool. */
export function lenderOf(pool: PgPool): Lender<PgClient> {
  return {
    borrow: (listen) => borrow(pool, listen),
    giveBack: (client, doubt) => client.release(doubt),
    outlives: (error) => isRefusal(error) && error.code !== READ_ONLY,
  }
}

/** The server answered, and lives on: what it refuses it has rolled back. */
export function isRefusal(error: unknown): error is ServerError {
  return isServerError(error) && !endsConnection(error)
}

/** Severities may be translated, states are not. 26000, 42P05: the named statements are not what `pg` believes. */
function endsConnection({ code, severity }: ServerError): boolean {
  return /^(?:08(?!P01)|57P0|25P0[34]|40003|26000|42P05)/.test(code) || /^(?:FATAL|PANIC)$/.test(severity)
}

/** Calls back where the pool can: between the moment a promise is resolved and the one that is heard, a client that breaks would end the process. */
function borrow(pool: PgPool, listen: (client: PgClient) => void): Promise<PgClient> {
  return new Promise((resolve, reject) => {
    const take = (client: PgClient) => {
      listen(client)
      resolve(client)
    }
    const promise: unknown = pool.connect((error, client) => (client === undefined ? reject(error) : take(client)))
    if (promise instanceof Promise) promise.then(take, reject)
  })
}
