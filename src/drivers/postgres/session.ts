import { AttemptError, type Fence } from '../../contract/driver.ts'
import { Cancellation } from '../kit/cancellation.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { cancelStatement } from './cancel.ts'
import { type PgClient, sqlState } from './client.ts'
import { isRefusal, type Lease } from './connection.ts'
import type { Victim } from './fence.ts'
import type { Payload } from './payload.ts'
import { WireQuery } from './wire.ts'

const QUERY_CANCELED = '57014'

/**
 * Sends a batch and waits for the server's answer. An abort cancels the statement on the server and then still waits, for
 * a short time, because only the answer tells whether it was carried out.
 *
 * @throws {AttemptError} `ambiguous` when the connection broke, or the time ran out, after the statement was sent
 */
export async function send(
  lease: Lease,
  payload: Payload,
  signal: AbortSignal,
  fence: (victim: Victim) => Fence,
): Promise<Answer> {
  if (signal.aborted) throw withoutEffect(signal.reason)
  const victim = { processId: lease.connection.processID ?? 0, began: performance.now() }
  const exchange = new Exchange(lease.connection, payload)
  const cancellation = new Cancellation(signal, () => cancelStatement(lease.connection))
  try {
    return await cancellation.race(exchange.answer)
  } catch (error) {
    lease.doubtAfter(error)
    if (signal.aborted && sqlState(error) === QUERY_CANCELED) throw withoutEffect(signal.reason)
    const ambiguous = exchange.sent && !isRefusal(error)
    throw new AttemptError(error, { ambiguous, fence: ambiguous ? fence(victim) : undefined })
  } finally {
    exchange.end()
    if (!(await cancellation.end())) lease.doubt(new Error('the statement did not end after it was cancelled'))
  }
}

/** What the server answers with. */
export interface Answer {
  /** The first value of the first row. */
  readonly value: string | undefined
  /** Rows inserted or updated, where one INSERT was sent. */
  readonly written: number | undefined
}

/** A payload on the wire, and the hold on its bytes. */
class Exchange {
  readonly answer: Promise<Answer>
  readonly #query: WireQuery
  readonly #payload: Payload

  constructor(client: PgClient, payload: Payload) {
    let done: (error?: Error | null) => void = () => undefined
    this.answer = new Promise((resolve, reject) => {
      done = (error) => (error ? reject(error) : resolve(answerIn(this.#query)))
    })
    this.#payload = payload
    this.#query = new WireQuery({
      text: payload.text,
      messages: payload.hold(),
      preparations: payload.preparations,
      written: () => payload.drop(),
      done,
    })
    client.query(this.#query)
  }

  get sent(): boolean {
    return this.#query.sent
  }

  end(): void {
    if (this.#query.sent) return
    this.#query.forbid()
    this.#payload.drop()
  }
}

function answerIn({ answer, written }: WireQuery): Answer {
  return { value: answer ?? undefined, written }
}
