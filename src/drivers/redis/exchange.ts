import type { Fence } from '../../contract/driver.ts'
import type { RedisConnection } from './client.ts'
import { onClose, silenceOf } from './connection.ts'
import {
  ConnectionLostError,
  ForeignTransactionError,
  isReplyError,
  KeyExistsError,
  NotSentError,
  WatchedKeyError,
} from './outcome.ts'
import { PING_TEXT, queue, Wire } from './queue.ts'
import { bytesOf, PREAMBLE, type Request, stepsOf } from './request.ts'

const QUEUED = Buffer.from('QUEUED')
/** What MULTI is answered within a MULTI of the application. */
const NESTED = /^ERR MULTI calls can not be nested/

/**
 * One pipeline on its way over one connection: all commands in one write, then their answers.
 *
 * ioredis keeps a queue of who waits for which answer, and after a reconnect sends again what was not answered, though it
 * may have been carried out, and even when we have given it up. So it gets light commands of our own, which are asked
 * for their bytes at each sending: the first time they are counted and the bytes go out together, every other time they
 * give a PING, which keeps the queue in step and does nothing.
 */
export class Exchange {
  /** Settles when every entry has an outcome. */
  readonly done: Promise<void>
  #settle: () => void = () => undefined
  #ended = false
  #sending = false
  #taken = 0
  #unanswered = 0
  /** No MULTI of the application was open: as all goes out in one write, none is later. */
  #isAlone = false
  /** The first entry whose MSET the server refused: nothing of those with it is written. */
  refusedFrom: number | undefined
  readonly #request: Request
  readonly #connection: RedisConnection
  /** For each place in the request the answers still to come. */
  readonly #pending: Int32Array
  readonly #ignore: () => void
  readonly #cutIfSilent: () => boolean
  readonly #fence: Fence

  /** The connection must be ready. @param fence ends the session this goes over */
  constructor(connection: RedisConnection, request: Request, fence: Fence) {
    this.#connection = connection
    this.#cutIfSilent = silenceOf(connection)
    this.#fence = fence
    this.#request = request
    this.#pending = new Int32Array(request.entries.length)
    this.done = new Promise((resolve) => (this.#settle = resolve))
    this.#ignore = onClose(connection, () => this.lose(new ConnectionLostError(), true))
    this.#count()
    if (this.#unanswered > 0) this.#send()
    else this.#end()
  }

  /** Gives up what is not answered yet. Answers that come later are not looked at. */
  lose(cause: unknown, ambiguous: boolean): void {
    if (this.#ended) return
    const { entries, outcomes } = this.#request
    const unanswered = entries.filter((_, place) => this.#pending[place]! > 0)
    outcomes.fail(unanswered, cause, ambiguous, ambiguous ? this.#fence : undefined)
    this.#end()
  }

  /** Gives up because the time is over. A connection that still answers keeps the order of what it is sent. */
  expire(reason: unknown): void {
    if (this.#ended) return
    this.#cutIfSilent()
    this.lose(reason, true)
  }

  /** @internal Called by ioredis when it sends the command, again or for the first time. */
  take(): string {
    if (!this.#sending) return PING_TEXT
    this.#taken++
    return ''
  }

  /** @internal The reply to `count` entries from `place` on. */
  answer(place: number, count: number, reply: unknown): void {
    if (place === PREAMBLE) this.#isAlone = !isQueued(reply) && !(reply instanceof Error)
    if (this.#ended || place < 0) return
    const { entries, outcomes, pipeline } = this.#request
    const error = this.#errorIn(reply, place)
    if (count > 1 && isReplyError(error)) this.refusedFrom ??= place
    for (let at = place; at < place + count; at++) {
      if (error !== undefined && outcomes.errors[entries[at]!] === undefined) outcomes.refuse(entries[at]!, error)
      this.#pending[at]!--
    }
    if (pipeline.newer && isZero(reply)) outcomes.superseded++
    this.#unanswered -= count
    if (this.#unanswered === 0) this.#end()
  }

  /** @internal The server's word, or that of ioredis, which has lost the connection or never had it. */
  fail(place: number, count: number, error: Error): void {
    if (isReplyError(error)) this.answer(place, count, error)
    else if (place >= 0) this.lose(error, this.#taken > 0)
  }

  #count(): void {
    const { pipeline, entries } = this.#request
    for (let place = 0; place < entries.length; place++) {
      const [start, end] = pipeline.commandsOf(entries[place]!)
      this.#pending[place] = end - start
      this.#unanswered += end - start
    }
  }

  #send(): void {
    const wire = new Wire(this.#connection)
    this.#sending = true
    for (const step of stepsOf(this.#request)) queue(this.#connection, wire, this, step)
    this.#sending = false
    if (this.#taken > 0) this.#connection.stream?.write(bytesOf(this.#request))
    else this.lose(new NotSentError('the connection to Redis took no commands'), false)
  }

  #errorIn(reply: unknown, place: number): Error | undefined {
    if (Buffer.isBuffer(reply) && !isQueued(reply)) return undefined
    if (reply instanceof Error) return NESTED.test(reply.message) ? new ForeignTransactionError() : reply
    if (Array.isArray(reply)) return reply.find((part) => part instanceof Error)
    const { pipeline, entries } = this.#request
    const [start, end] = pipeline.commandsOf(entries[place]!)
    const isLast = this.#pending[place] === 1
    const isForeign = !this.#isAlone && isQueued(reply) && (isLast || pipeline.commands[start] !== 'multi')
    if (isForeign) return new ForeignTransactionError()
    if (reply === null && isLast && pipeline.commands[end - 1] === 'exec') return new WatchedKeyError()
    const refused = reply === null || isZero(reply)
    return refused && isLast && pipeline.refusable ? new KeyExistsError() : undefined
  }

  #end(): void {
    this.#ended = true
    this.#ignore()
    this.#settle()
  }
}

/** Some clients are told to have numbers as strings. */
function isZero(reply: unknown): boolean {
  return reply === 0 || reply === '0'
}

/** ioredis hands texts over as bytes, and a word of the server's like a stored text of the same letters. */
function isQueued(reply: unknown): boolean {
  return Buffer.isBuffer(reply) && reply.length === QUEUED.length && reply.equals(QUEUED)
}
