import { AttemptError } from '../../contract/driver.ts'
import { cancelStatement } from './cancel.ts'
import { isServerError, type PgClient, type PgPool, type PgQuery, type PgResult, sqlState } from './client.ts'
import type { Statement } from './payload.ts'
import { WireQuery } from './wire.ts'

/** How long a cancelled statement may take to end before its connection is given up, in milliseconds. */
const CANCEL_GRACE = 1000
const QUERY_CANCELED = '57014'

/** A borrowed client. With a `doubt` it does not go back to serve others: the pool closes it. */
export interface Lease {
  readonly client: PgClient
  doubt: Error | undefined
}

/** A broken client says so twice: to the query and as an event, which nobody else listens to while it is borrowed. */
function ignoreError(): void {}

/** Borrows a client for `work`, which notes in the lease any doubt it has about it. */
export async function withClient<T>(pool: PgPool, signal: AbortSignal, work: (lease: Lease) => Promise<T>): Promise<T> {
  const client = await acquire(pool, signal)
  const lease: Lease = { client, doubt: undefined }
  client.on('error', ignoreError)
  try {
    return await work(lease)
  } finally {
    client.release(lease.doubt)
    client.removeListener('error', ignoreError)
  }
}

/** An abort gives up waiting; the client, when it comes after all, goes straight back. */
async function acquire(pool: PgPool, signal: AbortSignal): Promise<PgClient> {
  if (signal.aborted) throw notSent(signal.reason)
  const connecting = pool.connect()
  try {
    return await unlessAborted(connecting, signal)
  } catch (error) {
    connecting.then(
      (client) => client.release(),
      () => undefined,
    )
    throw error
  }
}

/** @throws {AttemptError} not ambiguous, with what the promise rejects with, or with the signal's reason if that is first */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(error instanceof AttemptError ? error : notSent(error))
    const abandon = () => fail(signal.reason)
    if (signal.aborted) return abandon()
    signal.addEventListener('abort', abandon, { once: true })
    promise.then(resolve, fail).finally(() => signal.removeEventListener('abort', abandon))
  })
}

/** A question that changes nothing. An abort costs the connection: nobody waits for the answer any more. */
export async function ask(lease: Lease, question: PgQuery, signal: AbortSignal): Promise<PgResult> {
  try {
    return await unlessAborted(lease.client.query(question), signal)
  } catch (error) {
    lease.doubt = doubtAfter(error instanceof AttemptError ? error.cause : error)
    throw error
  }
}

function notSent(cause: unknown): AttemptError {
  return new AttemptError(cause, { ambiguous: false })
}

/**
 * Sends a statement and waits for the server's answer. An abort cancels the statement on the server and then still
 * waits, for a short time, because only the answer tells whether it was carried out.
 *
 * @throws {AttemptError} `ambiguous` when the connection broke, or the time ran out, after the statement was sent
 */
export async function send(lease: Lease, statement: Statement, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw notSent(signal.reason)
  const exchange = new Exchange(lease.client, statement)
  const cancellation = new Cancellation(lease.client, signal)
  try {
    await Promise.race([exchange.answer, cancellation.expired])
  } catch (error) {
    lease.doubt = doubtAfter(error)
    throw failure(error, exchange.sent, signal)
  } finally {
    exchange.end()
    if (!(await cancellation.end())) lease.doubt ??= new Error('the statement did not end after it was cancelled')
  }
}

function failure(error: unknown, sent: boolean, signal: AbortSignal): AttemptError {
  if (signal.aborted && sqlState(error) === QUERY_CANCELED) return notSent(signal.reason)
  return new AttemptError(error, { ambiguous: sent && !(isServerError(error) && !endsConnection(error)) })
}

/** One statement on the wire, and the hold on its bytes. */
class Exchange {
  readonly answer: Promise<void>
  readonly #query: WireQuery
  readonly #statement: Statement

  constructor(client: PgClient, statement: Statement) {
    const { promise, resolve, reject } = deferred()
    this.answer = promise
    this.#statement = statement
    this.#query = new WireQuery({
      text: statement.text,
      messages: statement.hold(),
      preparations: statement.preparations,
      written: () => statement.drop(),
      done: (error) => (error ? reject(error) : resolve()),
    })
    client.query(this.#query)
  }

  get sent(): boolean {
    return this.#query.sent
  }

  end(): void {
    if (this.#query.sent) return
    this.#query.forbid()
    this.#statement.drop()
  }
}

/** Waits for an abort; then sends the cancel request and allows the answer a little time. */
class Cancellation {
  /** Rejects when that time is over. */
  readonly expired: Promise<void>
  readonly #client: PgClient
  readonly #signal: AbortSignal
  readonly #expire: (reason: unknown) => void
  #delivered: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(client: PgClient, signal: AbortSignal) {
    const { promise, reject } = deferred()
    this.expired = promise
    this.expired.catch(() => undefined) // it may expire when nobody races it any more
    this.#client = client
    this.#signal = signal
    this.#expire = reject
    signal.addEventListener('abort', this.#start, { once: true })
  }

  /** Whether the connection is fit for another statement: no cancel request is still on its way to it. */
  async end(): Promise<boolean> {
    this.#signal.removeEventListener('abort', this.#start)
    if (this.#delivered === undefined) return true
    const inTime = await Promise.race([
      this.#delivered,
      this.expired.then(
        () => false,
        () => false,
      ),
    ])
    clearTimeout(this.#timer)
    return inTime
  }

  readonly #start = (): void => {
    this.#delivered = cancelStatement(this.#client)
    this.#timer = setTimeout(() => this.#expire(this.#signal.reason), CANCEL_GRACE)
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (reason: unknown) => void } {
  let resolve: () => void = ignoreError
  let reject: (reason: unknown) => void = ignoreError
  const promise = new Promise<void>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}

/** After an answer of the server the connection is as good as before, unless the answer was its last. */
function doubtAfter(error: unknown): Error | undefined {
  if (isServerError(error) && !endsConnection(error)) return undefined
  return error instanceof Error ? error : new Error('the connection was given up')
}

/** Severities may be translated, states are not. 26000, 42P05: the named statements are not what `pg` believes. */
function endsConnection(error: { code: string; severity: string }): boolean {
  return /^(?:08(?!P01)|57P0|25P0[34]|40003|26000|42P05)/.test(error.code) || /^(?:FATAL|PANIC)$/.test(error.severity)
}
