import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node'
import type { Clock, Timer } from '../../support/clock.ts'
import { inboxPrefixOf } from './link.ts'

/** A message as a consumer delivered it. */
export interface Delivered {
  /** Its sequence in the stream. */
  readonly sequence: number
  /** How many the consumer had delivered with it. */
  readonly delivery: number
  /** ms since 1970 */
  readonly time: number
  /** Where it is acknowledged. */
  readonly reply: string
  readonly message: Msg
}

export interface PullSettings {
  readonly connection: NatsConnection
  readonly clock: Clock
  /** `$JS.API`, or that of a domain. */
  readonly apiPrefix: string
  readonly stream: string
  readonly consumer: string
  /** Messages, and their bytes as far as those before tell, that are asked for ahead of who reads them. */
  readonly fetchSize: number
  readonly fetchBytes: number
  /** Says of what was delivered whether it is wanted. */
  readonly wants: (delivered: Delivered) => boolean
}

/** How long a request for messages waits on the server, in ms. */
const EXPIRES = 30_000
/** How often the server says that it is there while it has nothing, in ms. */
const HEARTBEAT = 2_000
const NANOSECONDS = 1_000_000

/**
 * Reads one consumer, and asks for no more than there is room for. `consume()` of the client hands out one message at a time,
 * and does not tell when some are missing, which a durable consumer would bring again behind newer ones. Here all that is there
 * is taken at once, and a delivery that is missing, a heartbeat that knows of more than came, or no sign of life ends it; whoever
 * reads begins anew from where they are.
 */
export class Pull {
  readonly #settings: PullSettings
  readonly #inbox: string
  readonly #unsubscribe: () => void
  readonly #silence: Timer
  #ready: Delivered[] = []
  #asked = 0
  #delivery = 0
  #averageBytes = 0
  #broken: Error | undefined
  #wake: (() => void) | undefined

  constructor(settings: PullSettings) {
    this.#settings = settings
    this.#inbox = createInbox(inboxPrefixOf(settings.connection))
    const subscription = settings.connection.subscribe(this.#inbox, { callback: (error, m) => this.#hear(error, m) })
    this.#unsubscribe = () => subscription.unsubscribe()
    this.#silence = settings.clock.timer(() =>
      this.break(new Error(`consumer ${settings.consumer} gave no sign of life for ${2 * HEARTBEAT} ms`)),
    )
    this.#ask()
  }

  /** All that is there, once there is something. Rejects when it is broken and nothing is left. */
  async take(): Promise<readonly Delivered[]> {
    while (this.#ready.length === 0) {
      if (this.#broken !== undefined) throw this.#broken
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const taken = this.#ready
    this.#ready = []
    this.#ask()
    return taken
  }

  get isBroken(): boolean {
    return this.#broken !== undefined
  }

  /** Messages that came in and were not taken. */
  get waiting(): number {
    return this.#ready.length
  }

  /** When the first of them was published, ms since 1970. */
  get oldest(): number | undefined {
    return this.#ready[0]?.time
  }

  /** Ends it: `take` hands out nothing more. */
  break(error: Error): void {
    if (this.#broken !== undefined) return
    this.#broken = error
    this.#ready = []
    this.#unsubscribe()
    this.#silence.stop()
    this.#wake?.()
  }

  #ask(): void {
    const { connection, apiPrefix, stream, consumer, fetchSize, fetchBytes } = this.#settings
    if (this.#broken !== undefined) return
    const fitting = this.#averageBytes === 0 ? fetchSize : Math.ceil(fetchBytes / this.#averageBytes)
    const room = Math.min(fetchSize, fitting) - this.#ready.length - this.#asked
    if (room <= 0 || (this.#asked > 0 && room < fetchSize / 2)) return
    this.#asked += room
    this.#silence.start(2 * HEARTBEAT)
    const request = { batch: room, expires: EXPIRES * NANOSECONDS, idle_heartbeat: HEARTBEAT * NANOSECONDS }
    try {
      connection.publish(`${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), {
        reply: this.#inbox,
      })
    } catch (error) {
      this.break(error as Error)
    }
  }

  #hear(error: Error | null, message: Msg): void {
    if (this.#broken !== undefined) return
    if (error !== null) return void this.break(error)
    const code = message.headers?.code ?? 0
    if (code === 0) this.#deliver(message)
    else this.#status(code, message)
    if (this.#asked > 0 && this.#broken === undefined) this.#silence.start(2 * HEARTBEAT)
    else this.#silence.stop()
  }

  #deliver(message: Msg): void {
    const delivered = deliveredOf(message)
    if (delivered === undefined) return
    if (delivered.delivery !== this.#delivery + 1) {
      return void this.break(new Error(`consumer ${this.#settings.consumer}: deliveries are missing`))
    }
    this.#delivery = delivered.delivery
    this.#asked = Math.max(0, this.#asked - 1)
    this.#averageBytes += (message.data.length + 100 - this.#averageBytes) / 8
    if (this.#settings.wants(delivered)) {
      this.#ready.push(delivered)
      this.#wake?.()
    }
    this.#ask()
  }

  /** ADR-37 of NATS: 100 a heartbeat, 408 and 404 a request that is over, 409 that too or worse, 503 nobody there. */
  #status(code: number, { headers }: Msg): void {
    const description = headers?.description ?? ''
    if (code === 100) {
      const known = Number(headers?.get('Nats-Last-Consumer') ?? 0)
      if (known > this.#delivery) {
        this.break(new Error(`consumer ${this.#settings.consumer}: deliveries are missing`))
      }
      return
    }
    const isOver =
      code === 404 || code === 408 || (code === 409 && /batch completed|maxbytes|shutdown/i.test(description))
    if (!isOver) return void this.break(new Error(`consumer ${this.#settings.consumer}: ${code} ${description}`))
    this.#asked = Math.max(0, this.#asked - Number(headers?.get('Nats-Pending-Messages') || this.#asked))
    this.#ask()
  }
}

/** `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<times>.<sequence>.<delivery>.<nanoseconds>.<pending>[.<random>]` */
export function deliveredOf(message: Msg): Delivered | undefined {
  const reply = message.reply ?? ''
  const tokens = reply.split('.')
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  const first = tokens.length === 9 ? 4 : 6
  return {
    sequence: Number(tokens[first + 1]),
    delivery: Number(tokens[first + 2]),
    time: Number(tokens[first + 3]) / NANOSECONDS,
    reply,
    message,
  }
}
