import { diag } from '@opentelemetry/api'
import type { Message, SourceHost, SourceMode } from '../../consume/source.ts'
import type { Clock, Timer } from '../../support/clock.ts'
import { prefixOf } from './classify.ts'
import type { Connection } from './connection.ts'
import { compareIds, messageOf, type RawEntry } from './entry.ts'
import type { Keys } from './keys.ts'
import type { RedisStreamsSettings } from './options.ts'
import { FETCH, OPEN } from './script.ts'

/** Whose name everything is under that is handed out: a partition has one owner at a time, and the next one is given it all. */
export const CONSUMER = 'owner'

/** What readers of all partitions share. */
export interface ReaderParts {
  readonly connection: Connection
  readonly keys: Keys
  readonly settings: RedisStreamsSettings
  readonly host: SourceHost
  readonly mode: SourceMode
  readonly clock: Clock
  /** Resolves when there may be something after `after`, or {@link wake} was called. */
  wait(key: string, after: string): Promise<void>
  wake(key: string): void
  /** The lease is another's. */
  fenced(partition: string): void
  /** Messages that were handed out so often that nothing else is left. */
  poisoned(partition: string, messages: readonly Message[]): Promise<void>
  /** Messages that were deleted before they were acknowledged. */
  deleted(partition: string, ids: readonly string[]): Promise<void>
  /** It cannot be read; `undefined`: it can. */
  trouble(partition: string, error: Error | undefined): void
  /** After which id a group begins that has vanished. */
  floorOf(partition: string): string | undefined
  /** The database says where it stands. */
  begins(partition: string, position: string): void
}

/** Longest pause after a failure, in ms. */
const MOST_PAUSE = 1000
/** About how many bytes are fetched at once, by what messages took so far. */
const FETCH_BYTES = 4 * 1024 * 1024

/** Reads one partition for as long as its lease lasts: first what was handed out before and not acknowledged, then the rest. */
export class Reader {
  readonly partition: string
  readonly #parts: ReaderParts
  readonly #key: string
  readonly #lease: string
  /** The id that was read last. */
  #cursor = ''
  /** What had been handed out last when this reader began. */
  #tail = '0-0'
  /** What was handed out before may not be all read yet. */
  #isCatchingUp = true
  #isOpen = false
  #isStopped = false
  #failures = 0
  #messageBytes = 1024
  readonly #pause: Timer
  #resume: (() => void) | undefined

  /** @param lease its text */
  constructor(partition: string, lease: string, parts: ReaderParts) {
    this.partition = partition
    this.#parts = parts
    this.#key = parts.keys.partition(partition)
    this.#lease = lease
    this.#pause = parts.clock.timer(() => this.#resume?.())
  }

  /** Ends with {@link stop}. Never rejects. */
  async run(): Promise<void> {
    const position = await this.#parts.host.assigned(this.partition)
    if (position !== undefined) {
      this.#cursor = position
      this.#parts.begins(this.partition, position)
    }
    while (!this.#isStopped) {
      try {
        await this.#step()
        this.#failures = 0
      } catch (error) {
        if (!this.#isStopped) await this.#recover(error as Error)
      }
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#pause.stop()
    this.#resume?.()
    this.#parts.wake(this.#key)
  }

  async #step(): Promise<void> {
    if (!this.#isOpen) await this.#open()
    const wasCatchingUp = this.#isCatchingUp
    const messages = await (this.#parts.mode.position === 'database' ? this.#range() : this.#fetch())
    this.#parts.trouble(this.partition, undefined)
    if (this.#isStopped) return
    if (messages.length > 0) return this.#parts.host.deliver(this.partition, messages)
    if (!wasCatchingUp || this.#parts.mode.position === 'database')
      await this.#parts.wait(this.#key, this.#cursor || '0-0')
  }

  async #open(): Promise<void> {
    const { connection, keys, settings, mode } = this.#parts
    const start = settings.from === 'end' && mode.position === 'source' ? '$' : '0-0'
    const begin = this.#parts.floorOf(this.partition) ?? start
    const reply = await connection.run(
      OPEN,
      [this.#key, keys.lease(this.partition)],
      [this.#lease, settings.group, CONSUMER, begin],
    )
    const [last, made] = reply as readonly [Buffer, number]
    if (made === 1 && mode.position === 'source' && this.#parts.floorOf(this.partition) !== undefined) {
      const what = `group ${JSON.stringify(settings.group)} of stream ${JSON.stringify(this.#key)}`
      diag.warn(`batchflow-otel: ${what} was gone; it was made anew, after ${begin}`)
    }
    if (mode.position === 'source') this.#tail = String(last)
    this.#isOpen = true
  }

  async #fetch(): Promise<readonly Message[]> {
    const { connection, keys, settings } = this.#parts
    const from = this.#isCatchingUp ? this.#cursor || '0-0' : '>'
    const args = [this.#lease, settings.group, CONSUMER, from, this.#count]
    const wasCatchingUp = this.#isCatchingUp
    this.#isCatchingUp = true // until the answer is here: what is lost on the way is asked for again
    const reply = await connection.run(FETCH, [this.#key, keys.lease(this.partition)], args)
    const [entries, counts = []] = reply as readonly [readonly RawEntry[], (readonly (Buffer | number)[])?]
    this.#isCatchingUp = wasCatchingUp && entries.length > 0
    if (entries.length === 0 && compareIds(this.#cursor, this.#tail) < 0) this.#cursor = this.#tail
    return this.#messages(entries, countsOf(counts))
  }

  async #range(): Promise<readonly Message[]> {
    const from = this.#cursor === '' ? '-' : `(${this.#cursor}`
    const reply = await this.#parts.connection.call('XRANGE', [this.#key, from, '+', 'COUNT', this.#count])
    return this.#messages(reply as readonly RawEntry[], new Map())
  }

  async #messages(entries: readonly RawEntry[], counts: ReadonlyMap<string, number>): Promise<readonly Message[]> {
    const { maxDeliveries } = this.#parts.settings
    const messages: Message[] = []
    const poisoned: Message[] = []
    const deleted: string[] = []
    let bytes = 0
    for (const [rawId, fields] of entries) {
      const id = String(rawId)
      const redelivered = Math.max(0, (counts.get(id) ?? 1) - 1)
      const message = messageOf(id, fields ?? [], redelivered)
      for (const part of fields ?? []) bytes += part.length
      if (fields === null) deleted.push(id)
      else if (maxDeliveries > 0 && redelivered >= maxDeliveries) poisoned.push(message)
      else messages.push(message)
    }
    if (deleted.length > 0) await this.#parts.deleted(this.partition, deleted)
    if (poisoned.length > 0) await this.#parts.poisoned(this.partition, poisoned)
    if (entries.length === 0) return messages
    this.#messageBytes = Math.max(1, bytes / entries.length)
    this.#cursor = String(entries.at(-1)![0])
    return messages
  }

  get #count(): number {
    return Math.max(1, Math.min(this.#parts.settings.fetchSize, Math.floor(FETCH_BYTES / this.#messageBytes)))
  }

  async #recover(error: Error): Promise<void> {
    const prefix = prefixOf(error)
    // Without its group, or its lease, it begins anew, as any new owner would.
    if (prefix === 'FENCED' || prefix === 'NOGROUP') return this.#parts.fenced(this.partition)
    this.#parts.trouble(this.partition, error)
    this.#failures++
    const pause = Math.min(MOST_PAUSE, 20 * 2 ** Math.min(this.#failures, 10))
    await new Promise<void>((resolve) => {
      this.#resume = resolve
      this.#pause.start(pause)
    })
  }
}

function countsOf(flat: readonly (Buffer | number)[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + 1 < flat.length; i += 2) counts.set(String(flat[i]), Number(flat[i + 1]))
  return counts
}
