import { implementing } from '../../support/validate.ts'
import { property, refuseStrangers, type Stranger } from '../kit/strangers.ts'

/**
 * The slice of `pg` this driver calls, typed structurally: a `pg.Pool` fits without a cast and `pg` is never imported.
 * Works with `pg` 8.11 and later, the JavaScript client; `pg.native` and pools with `pipeline: true` refuse queries that
 * speak the wire protocol themselves, which is what this driver's speed comes from.
 */
export interface PgPool {
  /** A pool may call back, as `pg.Pool` does, or return a promise. */
  connect(callback: (error: Error | undefined, client: PgClient | undefined, done: unknown) => void): unknown
  on?(event: 'error', listener: (error: Error) => void): unknown
  listenerCount?(event: string): number
  /** Where it connects to; read for spans. How many connections there may be is read, too. */
  readonly options?: PgPoolOptions
}

export interface PgPoolOptions {
  readonly connectionString?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  /** Connections at most. */
  readonly max?: number | undefined
}

export interface PgClient {
  query(submittable: PgSubmittable): unknown
  query(query: PgQuery): Promise<PgResult>
  /** Back to the pool; with an error the pool closes the connection instead. */
  release(error?: Error | boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  readonly connection?: PgConnection
  /** Absolute path of a directory when connected through a unix socket. */
  readonly host?: string
  readonly port?: number
  readonly pipeline?: boolean
  /** The server's process, and what proves that it is ours to cancel. Absent before the connection is up. */
  readonly processID?: number | null
  readonly secretKey?: number | null
}

export interface PgQuery {
  readonly text: string
  readonly values: unknown[]
}

export interface PgResult {
  readonly rows: Record<string, unknown>[]
}

export interface PgConnection {
  readonly stream: PgStream
}

export interface PgStream {
  readonly writable: boolean
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): boolean
  /** Absent where the stream is one of the application's own. */
  cork?(): void
  uncork?(): void
  destroy(): unknown
}

/** What `client.query` accepts instead of a text: an object that does its own talking. */
export interface PgSubmittable {
  submit(connection: PgConnection): Error | undefined
}

const isPool = implementing<PgPool>('a pg.Pool', 'connect')

const STRANGERS: readonly Stranger[] = [
  {
    is: (given) => 'processID' in given || 'namedQueries' in given,
    what: 'a pg.Client: batches need connections of their own',
  },
  {
    is: (pool) => property(pool, 'options', 'pipeline') === true,
    what: 'a pool with pipeline: true: give the executor one without',
  },
  { is: isNative, what: 'a pool of pg-native: make it with the JavaScript client, without NODE_PG_FORCE_NATIVE' },
  { is: (pool) => property(pool, 'ending') === true, what: 'one that was ended: end it after the flow is closed' },
]

/** Each `Client` of `pg` has the `Query` it sends; that of pg-native does not speak the protocol. */
function isNative(pool: object): boolean {
  const query = property(pool, 'Client', 'Query', 'prototype')
  return query !== undefined && property(query, 'handleReadyForQuery') === undefined
}

/** @throws {OptionError} when it is no pool, or one that cannot carry batches */
export function validPool(given: PgPool): PgPool {
  refuseStrangers('postgresExecutor: pool must be a pg.Pool', STRANGERS, given)
  return heard(isPool('postgresExecutor: pool', given))
}

/** A pool speaks of idle connections that break, and where nobody listens Node ends the process, with all rows in it. */
function heard(pool: PgPool): PgPool {
  if (pool.listenerCount?.('error') === 0) pool.on?.('error', () => undefined)
  return pool
}

/** What the server says about an error, beside the message. */
export interface ServerError extends Error {
  /** SQLSTATE, five characters. */
  readonly code: string
  readonly severity: string
  readonly where?: string
}

/** Only answers of the server carry a severity; a broken socket's `EPIPE` has five characters as well. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && typeof Reflect.get(error, 'severity') === 'string' && sqlState(error) !== undefined
}

export function sqlState(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const code = Reflect.get(error, 'code')
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}
