import { isSpanContextValid, type SpanContext, trace } from '@opentelemetry/api'
import { encodeRow } from '../../consume/message-format.ts'
import type { Change } from '../../contract/deletion.ts'
import { AbortedError, ClosedError, InvalidRowError } from '../../contract/errors.ts'
import { isTable, type Row, type Table } from '../../contract/table.ts'
import { isSignal, unlessAborted } from '../../support/abort.ts'
import { callback, type OptionsOf, optional, parse, refuse } from '../../support/validate.ts'
import type { PartitionBy } from '../kit/packing.ts'
import { canonical, keyTextOf, partitionOf } from '../kit/partition.ts'
import type { Group, Place } from './group.ts'
import { Spool } from './spool.ts'

export interface SpoolPublisherOptions {
  /**
   * What decides about the partition of a row whose table has no conflict keys; `undefined` for one that may go anywhere. Rows
   * with the same value stay in order. @default none: such rows take turns
   */
  readonly partitionBy?: PartitionBy | undefined
}

const OPTIONS = {
  partitionBy: optional(callback<PartitionBy>()),
} satisfies OptionsOf<SpoolPublisherOptions>

export interface SpoolSubmitOptions {
  /** Ends the wait. The row may be stored nevertheless. */
  readonly signal?: AbortSignal | undefined
}

const SUBMIT = { signal: optional(isSignal) } satisfies OptionsOf<SpoolSubmitOptions>

/**
 * Puts rows into a spool. Rows that come close together are stored together, and whoever handed them over waits for the same
 * promise. A row is encoded at once: it may be changed afterwards.
 */
export class SpoolPublisher implements AsyncDisposable {
  readonly #spool: Spool
  readonly #partitionBy: PartitionBy | undefined
  #turn = 0
  #closed = false

  /** @internal Use `spoolPublisher()`. */
  constructor(spool: Spool, options: SpoolPublisherOptions = {}) {
    const { partitionBy } = parse('spoolPublisher', OPTIONS, options)
    if (!(spool instanceof Spool)) refuse('spoolPublisher: spool', 'made by spool()', spool)
    this.#spool = spool
    this.#partitionBy = partitionBy
  }

  /**
   * Resolves when the row is in the file, on the disk where `fsync` says so. It will be written to the database, by this
   * process or by one after it. Rows that are stored together have one promise: look at it, as a row may be refused.
   *
   * @throws {SpoolError} when it was not accepted: the spool is full, or the disk, or failed
   * @throws {InvalidRowError} when no message can hold it
   * @throws {ClosedError} after `close()`
   * @throws {AbortedError} when `signal` is aborted first
   */
  submit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SpoolSubmitOptions): Promise<void> {
    try {
      const signal = signalOf('submit', options)
      return stored(this.#add(isTable('submit: table', table), row, activeOrigin()).group, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Resolves when all rows are in the file. Rejects with the error of the first that was not accepted; others may be stored.
   *
   * @throws as `submit` does
   */
  async submitMany<R extends Row>(
    table: Table<R>,
    rows: Iterable<Change<NoInfer<R>>> | AsyncIterable<Change<NoInfer<R>>>,
    options?: SpoolSubmitOptions,
  ): Promise<void> {
    const signal = signalOf('submitMany', options)
    const known = isTable('submitMany: table', table)
    const origin = activeOrigin()
    let last: Group | undefined
    /** @returns the group before, which takes no more */
    const hand = (row: Row): Group | undefined => {
      const before = last
      last = this.#add(known, row, origin).group
      if (before === last) return undefined
      last.stored.catch(() => {}) // what is told is the first error
      return before
    }
    if (isAsync(rows)) for await (const row of rows) await stored(hand(row), signal)
    else {
      for (const row of rows) {
        const full = hand(row)
        if (full !== undefined) await stored(full, signal)
      }
    }
    await stored(last, signal)
  }

  /** The same as `submit`: here a row counts as accepted when it is in the log. */
  publish<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SpoolSubmitOptions): Promise<void> {
    return this.submit(table, row, options)
  }

  /** The same as `submitMany`. */
  publishMany<R extends Row>(
    table: Table<R>,
    rows: Iterable<Change<NoInfer<R>>> | AsyncIterable<Change<NoInfer<R>>>,
    options?: SpoolSubmitOptions,
  ): Promise<void> {
    return this.submitMany(table, rows, options)
  }

  /** Resolves when what was handed over is in the file, or was refused. What waits for room is not waited for. */
  flush(): Promise<void> {
    return this.#spool.committer.idle()
  }

  /** Accepts no more rows, and resolves when those handed over are stored. The spool stays open. */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal Its row has a message of its own, by which it is known again. */
  place(table: Table<Row>, row: Row): Place {
    return this.#add(isTable('write: table', table), row, activeOrigin(), true)
  }

  #add(table: Table<Row>, row: Row, origin: SpanContext | undefined, alone = false): Place {
    if (this.#closed || this.#spool.isClosed)
      throw new ClosedError('this spool is closed: open it again to submit rows')
    const text = encodeRow(table, row)
    const { maxFileBytes } = this.#spool
    if (text.length > maxFileBytes / 4) throw tooLarge(table, maxFileBytes)
    return this.#spool.committer.add({ partition: this.#partitionOf(table, row), table, text, origin, alone })
  }

  #partitionOf(table: Table<Row>, row: Row): number {
    const { partitions } = this.#spool
    const key = keyTextOf(table, row) ?? this.#ownKey(table, row)
    if (key !== undefined) return partitionOf(key, partitions)
    this.#turn = (this.#turn + 1) % partitions
    return this.#turn
  }

  #ownKey(table: Table<Row>, row: Row): string | undefined {
    const value = this.#partitionBy?.(row, table.name)
    return value === undefined ? undefined : canonical(value)
  }
}

/** Who hands rows over; it is in the headers of their message, so that the batch in the database is linked to it. */
function activeOrigin(): SpanContext | undefined {
  const origin = trace.getActiveSpan()?.spanContext()
  return origin !== undefined && isSpanContextValid(origin) ? origin : undefined
}

function tooLarge({ name }: Table, maxFileBytes: number): InvalidRowError {
  const what = `a row of table ${JSON.stringify(name)} is larger than a quarter of maxFileBytes (${maxFileBytes})`
  return new InvalidRowError(`${what}: it was not accepted`)
}

/** @throws {AbortedError} */
export function signalOf(owner: string, options: SpoolSubmitOptions | undefined): AbortSignal | undefined {
  if (options === undefined) return undefined
  const { signal } = parse(owner, SUBMIT, options)
  if (signal?.aborted) throw new AbortedError('the row was not accepted: the signal is aborted', signal.reason)
  return signal
}

function stored(group: Group | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (group === undefined) return Promise.resolve()
  return signal === undefined ? group.stored : storedUnless(group, signal)
}

async function storedUnless(group: Group, signal: AbortSignal): Promise<void> {
  try {
    await unlessAborted(group.stored, signal)
  } catch (error) {
    throw abortedWait(error, signal)
  }
}

/** What ended a wait. */
export function abortedWait(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || error !== signal.reason) return error
  return new AbortedError('the wait for the spool was aborted; the row may be stored nevertheless', error, true)
}

function isAsync<R>(rows: Iterable<R> | AsyncIterable<R>): rows is AsyncIterable<R> {
  const given: unknown = rows
  if (typeof given === 'object' && given !== null) {
    if (Symbol.asyncIterator in given) return true
    if (Symbol.iterator in given) return false
  }
  return refuse('submitMany: rows', 'an array or another iterable of rows, sync or async', given)
}

/**
 * Puts rows into a spool that `spool()` opened.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function spoolPublisher(spool: Spool, options: SpoolPublisherOptions = {}): SpoolPublisher {
  return new SpoolPublisher(spool, options)
}
