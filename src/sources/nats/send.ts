import { createInbox, headers, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node'
import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { onAbort } from '../../support/abort.ts'
import { type ApiError, DisconnectedError, isTooLarge, NotStoredError, RefusedError } from './errors.ts'
import { inboxPrefixOf, isUp, Link } from './link.ts'

/** A message as it is put into a stream. */
export interface Outgoing {
  readonly subject: string
  /** Several of one name where it has several values. */
  readonly headers: Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>
  readonly body: string | Uint8Array
  /** What JetStream knows it by when it is sent again. */
  readonly id?: string | undefined
}

/**
 * Puts messages into their streams in one go, and waits for JetStream's word on each. `publish()` of the client makes a
 * request of each, which costs four to five times as much; here they share one inbox, one promise and the attempt's time limit.
 *
 * What is sent while the connection breaks arrives as a prefix: the client throws away what it has not written yet, so that
 * messages of one subject keep their order when all of them are sent again. A full stream that gets room just then may take a
 * later message and have refused an earlier one.
 *
 * @returns those that were refused, where others were stored
 * @throws {AttemptError} when none was stored; `ambiguous` when some may be: sent again with the same ids they are stored once
 */
export async function send(
  connection: NatsConnection,
  messages: readonly Outgoing[],
  signal?: AbortSignal,
): Promise<readonly RowFailure[] | undefined> {
  if (!isUp(connection)) throw new AttemptError(new DisconnectedError(connection.isClosed()), { unreachable: true })
  if (signal?.aborted) throw new AttemptError(signal.reason, {})
  const sending = new Sending(connection, messages, signal)
  try {
    return await sending.settled
  } finally {
    sending.end()
  }
}

class Sending {
  readonly settled: Promise<readonly RowFailure[] | undefined>
  readonly #messages: readonly Outgoing[]
  readonly #inbox: string
  readonly #failures: RowFailure[] = []
  readonly #undo: (() => void)[]
  /** Index of each message that is not answered yet: an answer may come twice. */
  readonly #open: Uint8Array
  #left: number
  #resolve!: (failures: readonly RowFailure[] | undefined) => void
  #reject!: (error: Error) => void

  constructor(connection: NatsConnection, messages: readonly Outgoing[], signal: AbortSignal | undefined) {
    this.#messages = messages
    this.#left = messages.length
    this.#open = new Uint8Array(messages.length).fill(1)
    this.#inbox = createInbox(inboxPrefixOf(connection))
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const answers = connection.subscribe(`${this.#inbox}.*`, { callback: (error, answer) => this.#hear(error, answer) })
    // A connection that is there again was away: it may have broken just before, so that what was put in was thrown away.
    const link = new Link(connection, () => this.#unknown(new DisconnectedError(connection.isClosed())))
    this.#undo = [() => answers.unsubscribe(), () => link.close()]
    if (signal !== undefined) this.#undo.push(onAbort(signal, () => this.#unknown(signal.reason)))
    for (let index = 0; index < messages.length; index++) this.#put(connection, index)
  }

  end(): void {
    for (const undo of this.#undo) undo()
  }

  #put(connection: NatsConnection, index: number): void {
    const message = this.#messages[index]!
    const head = headers()
    fill(head, message.headers)
    if (message.id !== undefined) head.set('Nats-Msg-Id', message.id)
    try {
      connection.publish(message.subject, message.body, { headers: head, reply: `${this.#inbox}.${index}` })
    } catch (error) {
      this.#answered(index, error as Error)
    }
  }

  #hear(error: Error | null, answer: Msg): void {
    if (error !== null) return void this.#unknown(error)
    const index = Number(answer.subject.slice(this.#inbox.length + 1))
    this.#answered(index, refusalIn(answer, this.#messages[index]?.subject ?? ''))
  }

  #answered(index: number, refusal: Error | undefined): void {
    if (this.#open[index] !== 1) return
    this.#open[index] = 0
    if (refusal !== undefined)
      this.#failures.push({ index, error: new AttemptError(refusal, { fault: isTooLarge(refusal) ? 'row' : 'place' }) })
    if (--this.#left === 0) this.#finish()
  }

  #finish(): void {
    const [first] = this.#failures
    if (first === undefined) this.#resolve(undefined)
    else if (this.#failures.length === this.#messages.length) this.#reject(first.error as AttemptError)
    else this.#resolve(this.#failures)
  }

  #unknown(cause: unknown): void {
    this.#reject(new AttemptError(cause, { ambiguous: true }))
  }
}

function fill(head: MsgHdrs, given: Outgoing['headers']): void {
  if (Symbol.iterator in given) for (const [name, value] of given) head.append(name, value)
  else for (const name in given) head.set(name, given[name]!)
}

function refusalIn(answer: Msg, subject: string): Error | undefined {
  if (answer.headers?.code === 503) return new NotStoredError(subject)
  const text = answer.string()
  if (!text.includes('"error"')) return text === '' ? new NotStoredError(subject) : undefined
  const { error } = JSON.parse(text) as { error?: ApiError }
  return error === undefined ? undefined : new RefusedError(error)
}
