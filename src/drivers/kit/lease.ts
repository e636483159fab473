import { AttemptError } from '../../contract/driver.ts'
import { unlessAborted } from '../../support/abort.ts'
import { withoutEffect } from './without-effect.ts'

export interface Connection {
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** How connections of one kind of pool are had. */
export interface Lender<C extends Connection> {
  /** Calls `listen` as soon as the connection is borrowed: when it breaks before that is heard, nobody else listens to it. */
  borrow(listen: (connection: C) => void): Promise<C>
  /** Lets it serve others, or, when there is a doubt about it, closes it. */
  giveBack(connection: C, doubt?: Error): void
  /** Whether a connection is as good as before after `error`, as it is after most answers of a server. */
  outlives(error: unknown): boolean
}

/** A connection that breaks says so twice: to the statement and as an event, which nobody else listens to meanwhile. */
function ignoreError(): void {}

function listen(connection: Connection): void {
  connection.on('error', ignoreError)
}

/** A borrowed connection. */
export class Lease<C extends Connection> {
  readonly connection: C
  readonly #lender: Lender<C>
  #doubt: Error | undefined

  constructor(lender: Lender<C>, connection: C) {
    this.#lender = lender
    this.connection = connection
  }

  get inDoubt(): boolean {
    return this.#doubt !== undefined
  }

  /** From now on the connection is to be closed. */
  doubt(cause: unknown): void {
    this.#doubt ??= cause instanceof Error ? cause : new Error('the connection was given up')
  }

  /** The same, unless a connection outlives such an error. */
  doubtAfter(error: unknown): void {
    if (!this.#lender.outlives(error)) this.doubt(error)
  }

  /** A connection that is closed may still speak of errors. */
  end(): void {
    this.#lender.giveBack(this.connection, this.#doubt)
    if (!this.inDoubt) this.connection.removeListener('error', ignoreError)
  }
}

/**
 * Borrows a connection for `work`, which notes in the lease any doubt it has about it.
 *
 * @throws {AttemptError} when none was to be had, or not before the abort
 */
export async function withLease<C extends Connection, T>(
  lender: Lender<C>,
  signal: AbortSignal,
  work: (lease: Lease<C>) => Promise<T>,
): Promise<T> {
  const lease = new Lease(lender, await borrowed(lender, signal))
  try {
    return await work(lease)
  } finally {
    lease.end()
  }
}

/** An abort gives up waiting; the connection, when it comes after all, goes straight back. */
async function borrowed<C extends Connection>(lender: Lender<C>, signal: AbortSignal): Promise<C> {
  if (signal.aborted) throw withoutEffect(signal.reason)
  const connecting = lender.borrow(listen)
  try {
    return await unlessAborted(connecting, signal)
  } catch (error) {
    connecting.then(
      (connection) => new Lease(lender, connection).end(),
      () => undefined,
    )
    throw new AttemptError(error, { unreachable: true })
  }
}

/**
 * Waits for the answer to a question that changes nothing. An abort costs the connection: nobody waits for the answer any
 * more.
 *
 * @throws {AttemptError} not ambiguous
 */
export async function answerTo<C extends Connection, T>(
  lease: Lease<C>,
  answer: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await unlessAborted(answer, signal)
  } catch (error) {
    lease.doubtAfter(error)
    throw withoutEffect(error)
  }
}
