import type { NatsConnection } from '@nats-io/transport-node'
import { GoneError } from './cursor.ts'
import { isNoResponders } from './errors.ts'

interface Delivery {
  readonly sequence: number
  readonly reply: string
}

interface Waiter {
  readonly sequence: number
  resolve(): void
  reject(error: Error): void
}

/** How long an answer, or the delivery that is to be acknowledged, is waited for, in ms. */
const PATIENCE = 5_000

/**
 * Where what one consumer delivered is acknowledged: the last message of a prefix stands for all of it, so a whole batch costs
 * one acknowledgement. A message that an earlier consumer delivered is acknowledged once this one has delivered it, too.
 */
export class AckLedger {
  readonly #connection: NatsConnection
  readonly #consumer: string
  readonly #each: boolean
  #open: Delivery[] = []
  /** Where `#open` begins. */
  #start = 0
  #floor: number
  #failed: Error | undefined
  readonly #waiting = new Set<Waiter>()

  /**
   * @param floor what is acknowledged already
   * @param each a work queue wants a word about each message
   */
  constructor(connection: NatsConnection, consumer: string, floor: number, each: boolean) {
    this.#each = each
    this.#connection = connection
    this.#consumer = consumer
    this.#floor = floor
  }

  received(sequence: number, reply: string): void {
    if (sequence <= this.#floor) return
    this.#open.push({ sequence, reply })
    for (const waiter of this.#waiting) if (waiter.sequence <= sequence) waiter.resolve()
  }

  async acknowledge(sequence: number): Promise<void> {
    if (sequence <= this.#floor) return
    if (this.#failed !== undefined) throw this.#failed
    if ((this.#open.at(-1)?.sequence ?? 0) < sequence) await this.#delivered(sequence)
    const end = this.#endOf(sequence)
    const last = this.#open[end - 1]
    if (last === undefined || end === this.#start) return
    if (this.#each) for (let i = this.#start; i < end - 1; i++) this.#connection.publish(this.#open[i]!.reply, '+ACK')
    await this.#send(last)
    this.#settled(last.sequence)
  }

  /** Whoever waits hears why it comes to nothing. */
  fail(error: Error): void {
    this.#failed = error
    for (const waiter of this.#waiting) waiter.reject(error)
  }

  #delivered(sequence: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => waiter.reject(new Error('what is to be acknowledged was not delivered again')),
        PATIENCE,
      )
      const over = (end: () => void) => () => {
        clearTimeout(timer)
        this.#waiting.delete(waiter)
        end()
      }
      const waiter: Waiter = { sequence, resolve: over(resolve), reject: (error) => over(() => reject(error))() }
      this.#waiting.add(waiter)
    })
  }

  /** Index behind the last delivery up to `sequence`. */
  #endOf(sequence: number): number {
    let low = this.#start
    let high = this.#open.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#open[middle]!.sequence <= sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  async #send({ reply }: Delivery): Promise<void> {
    try {
      await this.#connection.request(reply, '+ACK', { timeout: PATIENCE })
    } catch (error) {
      throw isNoResponders(error) ? new GoneError(this.#consumer) : error
    }
  }

  #settled(sequence: number): void {
    this.#floor = Math.max(this.#floor, sequence)
    this.#start = this.#endOf(this.#floor)
    if (this.#start < 1024 || this.#start * 2 < this.#open.length) return
    this.#open = this.#open.slice(this.#start)
    this.#start = 0
  }
}
