import type { SpanContext } from '@opentelemetry/api'
import type { Companions } from '../contract/companion.ts'
import { type BatchFlow, insideOf } from '../flow/batch-flow.ts'
import { CLOSE, type CloseOptions } from '../flow/lifecycle.ts'
import type { CloseSummary } from '../flow/outcomes.ts'
import { MAX_DELAY, type Timer } from '../support/clock.ts'
import { logError } from '../support/guard.ts'
import { parse } from '../support/validate.ts'
import { BrokerPartition } from './broker-partition.ts'
import { Chunk } from './chunk.ts'
import { Reader } from './decode.ts'
import { Holdings } from './holdings.ts'
import type { Settings } from './options.ts'
import type { Partition } from './partition.ts'
import { PositionPartition } from './position-partition.ts'
import type { Shared } from './shared.ts'
import type { Source, SourceHost } from './source.ts'
import { Tally } from './tally.ts'
import { Troubles } from './troubles.ts'
import type { SourceStats, WorkerStats } from './worker-stats.ts'

/** How long, in ms, after its time is over a worker waits for its source to come to an end. */
const LAST_WORDS = 5000

/** Writes the rows of a log into a database until it is closed. Made by {@link consume}. */
export class Worker implements AsyncDisposable {
  readonly #source: Source
  readonly #flow: BatchFlow
  readonly #settings: Settings
  readonly #shared: Shared
  readonly #companions: Companions | undefined
  readonly #partitions = new Map<string, Partition>()
  readonly #abort = new AbortController()
  readonly #timers: Timer[] = []
  #closing: Promise<CloseSummary> | undefined
  #closed = false
  #asking = false
  #giveUp!: () => void
  readonly #givenUp = new Promise<void>((resolve) => (this.#giveUp = resolve))

  /** @internal Use `consume`. */
  constructor(source: Source, flow: BatchFlow, companions: Companions | undefined, settings: Settings) {
    const { decode, tables, unknownTables, maxMessages, maxBytes, onTrouble } = settings
    const { observers } = insideOf(flow)
    this.#source = source
    this.#flow = flow
    this.#companions = companions
    this.#settings = settings
    this.#shared = {
      source,
      flow,
      settings,
      reader: new Reader(decode, tables, unknownTables),
      holdings: new Holdings({ messages: maxMessages, bytes: maxBytes }),
      tally: new Tally(source.name, () => this.#partitions.size),
      troubles: new Troubles(`${source.name} ${source.destination}`, onTrouble),
      signal: this.#abort.signal,
      get isTraced() {
        return observers.tracing !== undefined
      },
      startChunk: (partition, origins) => this.#startChunk(partition, origins),
    }
    observers.source = this.#shared.tally
  }

  /** @internal Begins to read. Rejects when the source cannot. */
  async start(): Promise<void> {
    const host: SourceHost = {
      assigned: (partition) => this.#assigned(partition),
      revoked: (partition, lost = false) => this.#revoked(partition, lost),
      deliver: (partition, messages) => this.#partitions.get(partition)?.deliver(messages) ?? Promise.resolve(),
      poisoned: async (name, message, why) => (await this.#partitions.get(name)?.poisoned(message, why)) ?? false,
      trouble: (error) => this.#trouble(error),
    }
    const { lagInterval } = this.#settings
    try {
      await this.#source.start(host, { position: this.#settings.mode === 'database' ? 'database' : 'source' })
    } catch (error) {
      await this.close({ timeout: 0 })
      throw error
    }
    if (this.#closing !== undefined) return
    const { heartbeat } = this.#source
    if (this.#source.keepAlive !== undefined && heartbeat !== undefined) this.#every(heartbeat, () => this.#keepAlive())
    if (this.#settings.mode === 'database') this.#every(MOVE_IDLE, () => this.#moveIdle())
    if (lagInterval > 0) {
      this.#every(lagInterval, () => this.#askLag())
      void this.#askLag()
    }
  }

  /** How it is now, and what became of rows and messages so far. */
  stats(): WorkerStats {
    const { tally, holdings, troubles } = this.#shared
    const partitions = Object.fromEntries(
      Array.from(this.#partitions, ([name, { size }]) => [name, { held: size, lag: tally.lag.get(name) }]),
    )
    const source: SourceStats = {
      source: this.#source.name,
      destination: this.#source.destination,
      partitions,
      messages: { ...tally.messages },
      redelivered: tally.redelivered,
      held: holdings.messages,
      heldBytes: holdings.bytes,
      troubles: troubles.current,
    }
    return Object.freeze({ ...this.#flow.stats(), source })
  }

  /**
   * Reads no more, writes out what is under way, acknowledges it and gives the partitions back; what was read and not written
   * stays in the log. Calling it again returns the same promise. Neither the log's client nor the database's is closed.
   *
   * What is not written after `timeout` ms is given up, which may take up to 5 s more; a call after the first may bring the end
   * nearer. @throws {OptionError} for a `timeout` that is none
   */
  close(options: CloseOptions = {}): Promise<CloseSummary> {
    const { timeout } = parse('close', CLOSE, options)
    const isFirst = this.#closing === undefined
    if (isFirst || options.timeout !== undefined) this.#after(timeout, () => this.#hurry())
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<CloseSummary> {
    await Promise.race([this.#stop(), this.#givenUp])
    for (const name of [...this.#partitions.keys()]) await this.#revoked(name, true)
    const summary = await this.#flow.close({ timeout: Number.POSITIVE_INFINITY }) // the timer of close() ends it earlier
    this.#closed = true
    for (const timer of this.#timers) timer.stop()
    this.#abort.abort()
    this.#shared.tally.lag = new Map()
    return summary
  }

  /** What its source forgets to give back is given back nevertheless. */
  async #stop(): Promise<void> {
    try {
      await this.#source.stop()
    } catch (error) {
      logError('a source could not be stopped', error)
    }
    await Promise.all(Array.from(this.#partitions.keys(), (name) => this.#revoked(name, false)))
  }

  /** Time is over: what is under way fails, so that partitions can be given back. */
  #hurry(): void {
    this.#abort.abort()
    for (const partition of this.#partitions.values()) partition.giveBack()
    void this.#flow.close({ timeout: 0 })
    this.#after(LAST_WORDS, () => this.#giveUp())
  }

  async #assigned(name: string): Promise<string | undefined> {
    await this.#revoked(name, true)
    if (this.#closing !== undefined) return this.#settings.mode === 'database' ? '' : undefined
    if (this.#companions === undefined) {
      this.#partitions.set(name, new BrokerPartition(name, this.#shared))
      return undefined
    }
    const partition = new PositionPartition(name, this.#shared, this.#companions)
    this.#partitions.set(name, partition)
    return partition.claim()
  }

  async #revoked(name: string, lost: boolean): Promise<void> {
    const partition = this.#partitions.get(name)
    if (partition === undefined) return
    await partition.end(lost)
    if (this.#partitions.get(name) === partition) this.#partitions.delete(name)
  }

  #trouble(error: Error | undefined): void {
    if (error === undefined) this.#shared.troubles.end('source')
    else this.#shared.troubles.begin('source', error)
  }

  #startChunk(partition: string, all: readonly (SpanContext | undefined)[]): Chunk | undefined {
    const { tracing } = insideOf(this.#flow).observers
    const { system, destination } = this.#source
    const origins = all.filter((origin) => origin !== undefined)
    const trace = tracing?.startProcess?.({ system, destination, partition, messages: all.length, origins })
    return trace && new Chunk(trace, all.length)
  }

  async #keepAlive(): Promise<void> {
    await Promise.all(Array.from(this.#partitions.values(), (partition) => partition.keepAlive()))
  }

  async #moveIdle(): Promise<void> {
    for (const partition of this.#partitions.values()) if (partition instanceof PositionPartition) partition.moveIdle()
  }

  async #askLag(): Promise<void> {
    const { tally, troubles } = this.#shared
    if (this.#asking) return
    this.#asking = true
    try {
      const lag = await this.#source.lag()
      if (this.#closing === undefined) tally.lag = lag
      troubles.end('lag')
    } catch (error) {
      troubles.begin('lag', error)
    }
    this.#asking = false
  }

  /** Does not keep the process alive. */
  #every(milliseconds: number, act: () => Promise<void>): void {
    const timer = this.#settings.clock.timer(() => {
      timer.start(milliseconds)
      void act()
    })
    timer.unref?.()
    timer.start(milliseconds)
    this.#timers.push(timer)
  }

  #after(milliseconds: number, act: () => void): void {
    if (this.#closed || milliseconds > MAX_DELAY) return
    const timer = this.#settings.clock.timer(act)
    timer.start(milliseconds)
    this.#timers.push(timer)
  }
}

/** How often positions of tables that got no rows are moved on, in ms. */
const MOVE_IDLE = 10_000
