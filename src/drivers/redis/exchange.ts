import type { Fence } from '../../contract/driver.ts'
import type { QueuedCommand, RedisConnection, RedisWire } from './client.ts'
import { onClose, silenceOf } from './connection.ts'
import {
  ConnectionLostError,
  ForeignTransactionError,
  isReplyError,
  KeyExistsError,
  NotSentError,
  type Outcomes,
  WatchedKeyError,
} from './outcome.ts'
import { PING, type Pipeline } from './pipeline.ts'

const ASKING = Buffer.from('*1\r\n$6\r\nASKING\r\n')
const PING_TEXT = PING.bytes.toString()
const QUEUED = Buffer.from('QUEUED')
const NO_ENTRY = -1
const PREAMBLE = -2
/** What MULTI is answered within a MULTI of the application. */
const NESTED = /^ERR MULTI calls can not be nested/

/** What goes over one connection: entries of a pipeline, in order. */
export interface Request {
  readonly pipeline: Pipeline
  readonly entries: readonly number[]
  readonly outcomes: Outcomes
  /** Tell the node to take keys that are being moved to it. */
  readonly asking: boolean
}

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

  /** @internal */
  answer(place: number, reply: unknown): void {
    if (place === PREAMBLE) this.#isAlone = !isQueued(reply) && !(reply instanceof Error)
    if (this.#ended || place < 0) return
    const entry = this.#request.entries[place]!
    const error = this.#errorIn(reply, place)
    if (error !== undefined && this.#request.outcomes.errors[entry] === undefined) {
      this.#request.outcomes.refuse(entry, error)
    }
    if (this.#request.pipeline.newer && isZero(reply)) this.#request.outcomes.superseded++
    this.#pending[place]!--
    if (--this.#unanswered === 0) this.#end()
  }

  /** @internal The server's word, or that of ioredis, which has lost the connection or never had it. */
  fail(place: number, error: Error): void {
    if (isReplyError(error)) this.answer(place, error)
    else if (place >= 0) this.lose(error, this.#taken > 0)
  }

  #count(): void {
    const { pipeline, entries } = this.#request
    for (let place = 0; place < entries.length; place++) {
      const [start, end] = commandsOf(pipeline, entries[place]!)
      this.#pending[place] = end - start
      this.#unanswered += end - start
    }
  }

  #send(): void {
    const { pipeline, entries, asking } = this.#request
    const wire = new Wire(this.#connection)
    this.#sending = true
    if (pipeline.preamble !== undefined) this.#queue(PREAMBLE, pipeline.preamble.name, wire)
    for (let place = 0; place < entries.length; place++) {
      if (asking) this.#queue(NO_ENTRY, 'asking', wire)
      const [start, end] = commandsOf(pipeline, entries[place]!)
      for (let command = start; command < end; command++) this.#queue(place, pipeline.commands[command]!, wire)
    }
    this.#sending = false
    if (this.#taken > 0) this.#connection.stream?.write(requestBytes(this.#request))
    else this.lose(new NotSentError('the connection to Redis took no commands'), false)
  }

  #queue(place: number, name: string, wire: Wire): void {
    this.#connection.sendCommand(new LightCommand(this, place, name), wire)
  }

  #errorIn(reply: unknown, place: number): Error | undefined {
    if (reply instanceof Error) return NESTED.test(reply.message) ? new ForeignTransactionError() : reply
    if (Array.isArray(reply)) return reply.find((part) => part instanceof Error)
    const { pipeline, entries } = this.#request
    const [start, end] = commandsOf(pipeline, entries[place]!)
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
  return Buffer.isBuffer(reply) && reply.equals(QUEUED)
}

function commandsOf({ commandEnds }: Pipeline, entry: number): readonly [start: number, end: number] {
  return [entry === 0 ? 0 : commandEnds[entry - 1]!, commandEnds[entry]!]
}

function requestBytes({ pipeline, entries, asking }: Request): Buffer {
  const { bytes, ends, preamble } = pipeline
  if (preamble === undefined && !asking && entries.length === ends.length) return bytes
  const parts: Buffer[] = preamble === undefined ? [] : [preamble.bytes]
  for (const entry of entries) {
    if (asking) parts.push(ASKING)
    parts.push(bytes.subarray(entry === 0 ? 0 : ends[entry - 1]!, ends[entry]!))
  }
  return Buffer.concat(parts)
}

/** A command as ioredis handles it: no arguments, since the exchange has the bytes and errors and spans show arguments. */
class LightCommand implements QueuedCommand {
  readonly name: string
  readonly args: readonly string[] = NO_ARGUMENTS
  readonly inTransaction = false
  /** Keeps ioredis 6 from a trace event per command; the attempt has a span of its own. */
  readonly isTraced = true
  /** Like those of ioredis these need no `this`: `instrumentation-ioredis` keeps them and calls them alone. */
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
  readonly #exchange: Exchange

  constructor(exchange: Exchange, place: number, name: string) {
    this.name = name
    this.#exchange = exchange
    this.resolve = (reply) => exchange.answer(place, reply)
    this.reject = (error) => exchange.fail(place, error)
  }

  toWritable(): string {
    return this.#exchange.take()
  }

  /** `commandTimeout` would call it; an attempt has its own limit. */
  setTimeout(): void {}

  /** Replies are taken as they come. */
  setReplyContext(): void {}
}

const NO_ARGUMENTS: readonly string[] = []

/** Keeps the bytes of single commands from the socket, except for those sent when the exchange is over. */
class Wire implements RedisWire {
  readonly isPipeline = true
  readonly destination: { readonly redis: RedisConnection }

  constructor(redis: RedisConnection) {
    this.destination = { redis }
  }

  write(data: string | Uint8Array): void {
    if (data.length > 0) this.destination.redis.stream?.write(data)
  }
}
