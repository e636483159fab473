import type { DeadLetterReason, Message, PartitionLag, Source, SourceHost, SourceMode } from '../../consume/source.ts'
import { ClosedError } from '../../contract/errors.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { brand } from '../../support/brand.ts'
import { integer, parse } from '../../support/validate.ts'
import { prefixed, toldOfRows } from '../kit/letter.ts'
import { ProducerTracing } from '../kit/producer-tracing.ts'
import { type SpoolDatabase, validSpoolDatabase } from './client.ts'
import { Committer, type CommitterOptions } from './committer.ts'
import type { SpoolDeadLetter } from './letters.ts'
import { SPOOL_OPTIONS, type SpoolOptions } from './options.ts'
import { comparePositions, wholeOf } from './position.ts'
import { Reader } from './reader.ts'
import { SpoolError, spoolErrorOf, told } from './spool-error.ts'
import { SpoolStore } from './spool-store.ts'

/** @internal What hears of what became of messages. */
export interface SettleListener {
  /** All messages of a partition up to this one are settled. */
  settled(partition: number, position: number): void
  /** This one was put aside. It is settled as well, afterwards. */
  putAside(partition: number, position: number, why: DeadLetterReason): void
}

const READING = 'it cannot be read'

/** How a spool is now. */
export interface SpoolStats {
  readonly state: 'open' | 'closed'
  /** Absolute path of the file. */
  readonly path: string
  /** Messages that are stored and not settled, or settled and not deleted yet. A message holds up to 100 rows. */
  readonly messages: number
  /** Rows that wait to be stored. */
  readonly waiting: number
  /** Bytes of the file that hold something. It does not shrink; what is free is used again. */
  readonly bytes: number
  readonly maxFileBytes: number
  readonly deadLetters: number
}

/** A lock keeps others out, and knows nothing of who shares a connection. */
const inUse = new WeakSet<SpoolDatabase>()

/**
 * Rows in a local file until the database has them. Give it to `consume` as a source, and to `spoolPublisher` to put rows into
 * it. One process has it open at a time.
 */
export class Spool implements Source, AsyncDisposable {
  static {
    brand(Spool, 'spool')
  }

  readonly name = 'spool'
  readonly system = 'spool'
  /**
   * `spool-` and what the file was given for life: wherever it is moved, the database knows it again, and one that was made anew
   * begins anew there, too.
   */
  readonly destination: string
  readonly ordered = true
  /** @internal */
  readonly committer: Committer
  /** @internal */
  readonly partitions: number
  /** @internal */
  readonly maxFileBytes: number
  readonly #database: SpoolDatabase
  readonly #store: SpoolStore
  /** Up to where a partition is settled. */
  readonly #settled: number[]
  readonly #listeners = new Set<SettleListener>()
  #host: SourceHost | undefined
  #readers: (Reader | undefined)[] = []
  #unlisten: (() => void) | undefined
  #closing: Promise<void> | undefined
  /** Messages of this opening may have been committed: positions of it in the database are in order. */
  #wasStarted = false

  /** @internal Use `spool()`. */
  constructor(database: SpoolDatabase, options: SpoolOptions = {}) {
    const { partitions, fsync, maxFileBytes, overflow, tracerProvider } = parse('spool', SPOOL_OPTIONS, options)
    this.#database = validSpoolDatabase(database)
    if (inUse.has(this.#database)) throw new SpoolError('locked', 'spool: this connection has it open already')
    this.#store = new SpoolStore(this.#database, partitions, fsync)
    this.destination = `spool-${this.#store.file.id}`
    const tracing = new ProducerTracing(this, tracerProvider).open()
    this.committer = this.#begin({ maxFileBytes, overflow, tracing })
    this.partitions = partitions
    this.maxFileBytes = maxFileBytes
    this.#settled = Array.from({ length: partitions }, () => 0)
    inUse.add(this.#database)
  }

  #begin(options: CommitterOptions): Committer {
    try {
      return new Committer(this.#store, options)
    } catch (error) {
      this.#store.release()
      throw spoolErrorOf('it cannot be opened', error)
    }
  }

  /** @internal Rows are refused. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  compare(a: string, b: string): number {
    return comparePositions(a, b)
  }

  async start(host: SourceHost, mode: SourceMode): Promise<void> {
    if (this.isClosed) throw new OptionError('spool: it is closed: open it again before consume()')
    if (this.#host !== undefined) throw new OptionError('spool: a worker reads it already: a spool has one')
    this.#host = host
    this.#readers = Array.from({ length: this.partitions }, () => undefined)
    this.#unlisten = this.committer.listen({
      stored: (messages) => {
        for (const { partition } of messages) this.#readers[partition]?.wake()
      },
    })
    const isFirst = !this.#wasStarted
    this.#wasStarted = true
    // Not waited for: the database may be away, and rows are accepted nevertheless.
    for (let partition = 0; partition < this.partitions; partition++) void this.#assign(partition, host, mode, isFirst)
  }

  async #assign(partition: number, host: SourceHost, { position }: SourceMode, isFirst: boolean): Promise<void> {
    const known = await host.assigned(String(partition))
    if (this.#host !== host) return
    const after = position === 'database' && known !== undefined ? wholeOf(known) : this.#settled[partition]!
    if (isFirst && after >= this.#store.file.begin) return host.trouble(this.#outdated(partition))
    this.#settle(partition, after)
    const reader = new Reader(partition, this.#store, this.committer, host, after)
    this.#readers[partition] = reader
    reader.start()
  }

  /** @internal */
  listen(listener: SettleListener): void {
    this.#listeners.add(listener)
  }

  acknowledge(partition: string, messages: readonly Message[]): Promise<void> {
    const last = messages.at(-1)
    if (last !== undefined) this.#settle(Number(partition), Number(last.position))
    return Promise.resolve()
  }

  async deadLetter(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    const { reason, table, code } = why
    const { position, publishedAt, body } = message
    const headers = { ...message.headers, ...Object.fromEntries(prefixed(toldOfRows(why))) }
    await this.committer.putAside({
      partition: Number(partition),
      position,
      acceptedAt: publishedAt,
      putAsideAt: Date.now(),
      reason,
      table,
      code,
      message: why.message,
      headers,
      body,
    })
    for (const listener of this.#listeners) listener.putAside(Number(partition), Number(position), why)
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    const now = Date.now()
    const lags = this.#settled.map((settled, partition): [string, PartitionLag] => {
      const oldest = told(READING, () => this.#store.acceptedAfter(partition, settled))
      if (oldest === undefined) return [String(partition), { messages: 0, seconds: 0 }]
      const messages = this.committer.count(partition)
      return [String(partition), { messages, seconds: Math.max(0, now - oldest) / 1000 }]
    })
    return new Map(lags)
  }

  async stop(): Promise<void> {
    const host = this.#host
    if (host === undefined) return
    this.#host = undefined
    this.#unlisten?.()
    const readers = this.#readers.splice(0)
    for (const reader of readers) reader?.stop()
    await Promise.all(readers.map((_, partition) => host.revoked(String(partition))))
    await Promise.all(readers.map((reader) => reader?.stopped()))
  }

  stats(): SpoolStats {
    const messages = this.#settled.reduce((sum, _, partition) => sum + this.committer.count(partition), 0)
    const { path } = this.#store.file
    const { usedBytes, waitingRows } = this.committer
    return Object.freeze({
      state: this.isClosed ? 'closed' : 'open',
      path,
      messages,
      waiting: waitingRows,
      bytes: usedBytes,
      maxFileBytes: this.maxFileBytes,
      deadLetters: this.isClosed ? 0 : told(READING, () => this.#store.countDeadLetters()),
    })
  }

  /** What was put aside, oldest first: at most `limit` of those after the number `after`. @throws {OptionError} after `close()` */
  deadLetters({
    after = 0,
    limit = 100,
  }: {
    readonly after?: number
    readonly limit?: number
  } = {}): SpoolDeadLetter[] {
    this.#refuseClosed('deadLetters')
    return told(READING, () => this.#store.deadLetters(after, limit))
  }

  /** Deletes those up to this number, and returns how many. @throws {OptionError} after `close()` */
  deleteDeadLetters(upTo: number): number {
    this.#refuseClosed('deleteDeadLetters')
    const number = integer(0)('deleteDeadLetters: upTo', upTo)
    return told('dead letters were not deleted', () => this.#store.deleteDeadLetters(number))
  }

  /**
   * Stores what was handed over, refuses what waits for room, and gives the file back, for another process to open. The
   * connection stays open, as it is yours. Close the worker before.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await this.stop()
    await this.committer.idle()
    this.committer.refuseWaiting(
      new ClosedError('spool: it was closed before there was room for the row, which was not accepted'),
    )
    this.#store.close()
    inUse.delete(this.#database)
  }

  #settle(partition: number, position: number): void {
    if (position <= this.#settled[partition]!) return
    this.#settled[partition] = position
    this.committer.settle(partition, position)
    for (const listener of this.#listeners) listener.settled(partition, position)
  }

  #refuseClosed(method: string): void {
    if (this.isClosed) throw new OptionError(`spool: ${method}() after close()`)
  }

  #outdated(partition: number): SpoolError {
    const what = `the database has a position of partition ${partition} that this file has not come to`
    const advice = 'an old copy of it was put back; go on with a new file, what is in this one may be written already'
    return new SpoolError('outdated', `spool: ${what}: ${advice}`)
  }
}

/**
 * Opens the spool in the file of `database`, a synchronous SQLite database (`better-sqlite3`, `libsql`, `node:sqlite`) that it
 * has for itself. Rows that an earlier process left are written by the worker it is given to.
 *
 * @throws {OptionError} naming the option and the value it received
 * @throws {SpoolError} when another process has it open, it is damaged, or another application's
 */
export function spool(database: SpoolDatabase, options: SpoolOptions = {}): Spool {
  return new Spool(database, options)
}
