import { implementing } from '../../support/validate.ts'
import { having, property, refuseStrangers, type Stranger } from '../kit/strangers.ts'

/**
 * The slice of `mysql2` this driver calls, typed structurally: the pools of `mysql2` and of `mysql2/promise` fit without
 * a cast, and the package is never imported.
 */
export type MysqlPool = MysqlPromisePool | MysqlCallbackPool

/** A pool of `mysql2/promise`. */
export interface MysqlPromisePool {
  getConnection(): Promise<MysqlConnection>
}

/** A pool of `mysql2`. */
export interface MysqlCallbackPool {
  promise(): MysqlPromisePool
}

export interface MysqlConnection {
  /** Number of the connection on the server; what `KILL QUERY` takes. */
  readonly threadId: number
  /** The connection beneath this view of it, which is made anew each time one is borrowed. */
  readonly connection: object
  /** Text protocol: values are escaped by the client. */
  query(query: MysqlQuery): Promise<readonly [unknown, unknown]>
  /** Prepared statement: values travel beside the text. */
  execute(text: string, values: unknown): Promise<readonly [unknown, unknown]>
  /** Closes a prepared statement; without effect where there is none of that text. */
  unprepare(text: string): unknown
  release(): void
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

export interface MysqlQuery {
  readonly sql: string
  readonly values?: unknown
  readonly rowsAsArray?: boolean
}

/** What the server says about an error, beside the message. */
export interface ServerError extends Error {
  readonly errno: number
  readonly sqlState: string
}

/** Only answers of the server carry a SQLSTATE; errors of a socket have negative numbers, and none. */
export function isServerError(error: unknown): error is ServerError {
  if (!(error instanceof Error)) return false
  return typeof Reflect.get(error, 'sqlState') === 'string' && typeof Reflect.get(error, 'errno') === 'number'
}

const isPool = implementing<MysqlPromisePool>('a pool of mysql2', 'getConnection')

const CLUSTER = 'a PoolCluster: make an executor for each of its pools'

const STRANGERS: readonly Stranger[] = [
  {
    is: having('batch'),
    what: 'a client of the mariadb connector: make a pool with mysql2, it speaks to MariaDB as well',
  },
  { is: having('of', 'add'), what: CLUSTER },
  { is: isNamespace, what: CLUSTER },
  {
    is: (given) => having('query')(given) && !having('getConnection')(given),
    what: 'a single connection: a batch that breaks needs another one',
  },
  {
    is: (given) => having('getConnection')(given) && !having('promise')(given) && callsBack(given),
    what: 'a pool that only calls back, as those of mysql do: make one with mysql2',
  },
  {
    is: (pool) => property(pool, '_closed') === true || property(pool, 'pool', '_closed') === true,
    what: 'one that was ended: end it after the flow is closed',
  },
]

/** What `cluster.of(…)` returns: connections to servers of which each may be another. */
function isNamespace(given: object): boolean {
  return property(given, '_cluster') !== undefined || property(given, 'poolNamespace') !== undefined
}

function callsBack(given: object): boolean {
  return Number(property(given, 'getConnection', 'length')) > 0
}

/** @throws {OptionError} when it is no pool, or one that cannot carry batches */
export function validPool(given: MysqlPool): MysqlPromisePool {
  refuseStrangers('mysqlExecutor: pool must be a pool of mysql2', STRANGERS, given)
  const pool = typeof given === 'object' && given !== null && 'promise' in given ? given.promise() : given
  return isPool('mysqlExecutor: pool', pool)
}
