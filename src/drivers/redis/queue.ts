import { having } from '../kit/strangers.ts'
import type { QueuedCommand, RedisConnection, RedisWire } from './client.ts'
import { PING } from './pipeline.ts'

export const PING_TEXT = PING.bytes.toString()

/** Who hears the answers. */
export interface Listener {
  /** The bytes of a command that ioredis sends. */
  take(): string
  answer(place: number, count: number, reply: unknown): void
  fail(place: number, count: number, error: Error): void
}

/** Who waits for which answer, as ioredis 5 and 6 keep it: an item for each answer, in order. */
interface CommandQueue {
  peekBack(): { readonly command: unknown } | undefined
  push(item: object): unknown
}

/** Commands of one name that are answered one after the other, each for `count` entries from `place` on. */
export interface Step {
  readonly name: string
  readonly place: number
  readonly count: number
  readonly times: number
}

/**
 * Has ioredis wait for the answers to a step. One item of its queue then serves them all, instead of one each: it is put there
 * by ioredis itself, and again by us. Not where somebody listens to each command (`instrumentation-ioredis` puts functions of its
 * own into it), nor where ioredis may send a command again by itself, so that answers would come out of order.
 */
export function queue(connection: RedisConnection, wire: Wire, listener: Listener, step: Step): void {
  const command = new LightCommand(listener, step)
  const { resolve } = command
  connection.sendCommand(command, wire)
  if (step.times === 1) return
  const mayShare = command.resolve === resolve && !Reflect.get(connection.options, 'reconnectOnError')
  const commands: unknown = mayShare ? Reflect.get(connection, 'commandQueue') : undefined
  const item = isQueue(commands) ? commands.peekBack() : undefined
  for (let i = 1; i < step.times; i++) {
    if (item?.command === command) (commands as CommandQueue).push(item)
    else connection.sendCommand(new LightCommand(listener, { ...step, place: step.place + i * step.count }), wire)
  }
}

function isQueue(queue: unknown): queue is CommandQueue {
  return typeof queue === 'object' && queue !== null && having('peekBack', 'push')(queue)
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
  readonly #listener: Listener

  constructor(listener: Listener, { name, place, count }: Step) {
    this.name = name
    this.#listener = listener
    let next = place
    const answered = () => {
      const at = next
      next += count
      return at
    }
    this.resolve = (reply) => listener.answer(answered(), count, reply)
    this.reject = (error) => listener.fail(answered(), count, error)
  }

  toWritable(): string {
    return this.#listener.take()
  }

  /** `commandTimeout` would call it; an attempt has its own limit. */
  setTimeout(): void {}

  /** Replies are taken as they come. */
  setReplyContext(): void {}
}

const NO_ARGUMENTS: readonly string[] = []

/** Keeps the bytes of single commands from the socket, except for those sent when the exchange is over. */
export class Wire implements RedisWire {
  readonly isPipeline = true
  readonly destination: { readonly redis: RedisConnection }

  constructor(redis: RedisConnection) {
    this.destination = { redis }
  }

  write(data: string | Uint8Array): void {
    if (data.length > 0) this.destination.redis.stream?.write(data)
  }
}
