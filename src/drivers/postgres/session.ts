import { AttemptError, type Fence } from '../../contract/driver.ts'
import { Cancellation } from '../kit/cancellation.ts'
import { answerTo } from '../kit/lease.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { cancelStatement } from './cancel.ts'
import { type PgClient, sqlState } from './client.ts'
import { isRefusal, type Lease } from './connection.ts'
import type { Victim } from './fence.ts'
import { type Preparation, queryMessage, SYNC } from './messages.ts'
import type { Prelude } from './prelude.ts'
import { WireQuery } from './wire.ts'

const QUERY_CANCELED = '57014'

/** Messages ready to be sent, up to a Sync. */
export interface Sendable {
  readonly text: string
  readonly preparations: readonly Preparation[]
  /** Asks for the messages, and promises to call `drop` when they are not needed any more. */
  hold(): Uint8Array
  drop(): void
}

/** What ends a transaction that was opened, or an implicit one of what went ahead. */
export const COMMIT = constant('COMMIT', queryMessage('COMMIT'))
export const NOTHING = constant('SELECT', SYNC)

function constant(text: string, messages: Uint8Array): Sendable {
  return { text, preparations: [], hold: () => messages, drop: () => undefined }
}

/** How something is sent. */
export interface Manner {
  readonly signal: AbortSignal
  readonly fence: (victim: Victim) => Fence
  /** What goes ahead. */
  readonly prelude?: Prelude | undefined
}

/**
 * Sends a batch and waits for the server's answer. An abort cancels the statement on the server and then still waits, for
 * a short time, because only the answer tells whether it was carried out. Returns the first value the server answers with.
 *
 * @throws {AttemptError} `ambiguous` when the connection broke, or the time ran out, after the statement was sent
 */
export async function send(
  lease: Lease,
  payload: Sendable,
  { signal, fence, prelude }: Manner,
): Promise<string | undefined> {
  if (signal.aborted) throw withoutEffect(signal.reason)
  const victim = { processId: lease.connection.processID ?? 0, began: performance.now() }
  const exchange = new Exchange(lease.connection, payload, prelude)
  const cancellation = new Cancellation(signal, () => cancelStatement(lease.connection))
  try {
    return await cancellation.race(exchange.answer)
  } catch (error) {
    lease.doubtAfter(error)
    if (signal.aborted && sqlState(error) === QUERY_CANCELED) throw withoutEffect(signal.reason)
    if (prelude !== undefined && isRefusal(error) && exchange.completed < prelude.statements)
      throw prelude.failure(error)
    const ambiguous = exchange.sent && !isRefusal(error)
    throw new AttemptError(error, { ambiguous, fence: ambiguous ? fence(victim) : undefined })
  } finally {
    exchange.end()
    if (!(await cancellation.end())) lease.doubt(new Error('the statement did not end after it was cancelled'))
  }
}

/** The failure of what was sent in a transaction that is still open: that ends with its connection. */
export function uncommitted(error: unknown): never {
  if (!(error instanceof AttemptError)) throw error
  throw error.ambiguous ? error.restated({ ambiguous: false, fence: undefined }) : error
}

/** Leaves the connection as it was, or in doubt. */
export async function rollBack(lease: Lease, signal: AbortSignal): Promise<void> {
  if (signal.aborted) lease.doubt(signal.reason)
  if (lease.inDoubt) return
  await answerTo(lease, lease.connection.query({ text: 'ROLLBACK', values: [] }), signal).catch((error) =>
    lease.doubt(error),
  )
}

/** A payload on the wire, and the hold on its bytes. */
class Exchange {
  readonly answer: Promise<string | undefined>
  readonly #query: WireQuery
  readonly #payload: Sendable

  constructor(client: PgClient, payload: Sendable, prelude: Prelude | undefined) {
    let done: (error?: Error | null) => void = () => undefined
    this.answer = new Promise((resolve, reject) => {
      done = (error) => (error ? reject(error) : resolve(this.#query.answer ?? undefined))
    })
    this.#payload = payload
    this.#query = new WireQuery({
      text: payload.text,
      messages: payload.hold(),
      preparations: payload.preparations,
      prelude,
      written: () => payload.drop(),
      done,
    })
    client.query(this.#query)
  }

  get sent(): boolean {
    return this.#query.sent
  }

  /** Statements that the server has carried out, their transaction apart. */
  get completed(): number {
    return this.#query.completed
  }

  end(): void {
    if (this.#query.sent) return
    this.#query.forbid()
    this.#payload.drop()
  }
}
