import { getHeapStatistics } from 'node:v8'
import type { Executor } from '../executor/executor.ts'
import { isSignal } from '../support/abort.ts'
import { type Clock, MAX_DELAY, systemClock } from '../support/clock.ts'
import {
  boolean,
  callback,
  implementing,
  integer,
  type OptionsOf,
  oneOf,
  optional,
  parse,
} from '../support/validate.ts'
import {
  type AdaptiveOptions,
  type AdaptiveSettings,
  adaptiveOptions,
  adaptiveSettings,
  clamp,
  MOST_FLUSH_SIZE,
} from './adaptive/options.ts'
import { BatchLog, type LogOptions, logOptions } from './batch-log.ts'
import type { DeadLetterHandler } from './dead-letters.ts'

/**
 * What becomes of a row that finds no room.
 *
 * - `wait`: its submitter waits until there is some.
 * - `reject`: its submitter gets a `FullError` at once.
 * - `drop-oldest`: the oldest rows that wait to be written are dropped for it, with reason `overflow`. Those in flight are not:
 *   where nothing else is there the submitter waits.
 *
 * `trySubmit` never waits, and the source of a stream is always held back.
 */
export type OverflowPolicy = 'wait' | 'reject' | 'drop-oldest'

export interface BatchFlowOptions {
  /**
   * Most rows accepted and not yet settled.
   * @default max(10,000, 2 × flushSize × concurrency limit), no limit counting as 1; with `adaptive` the largest of its bounds
   */
  readonly bufferSize?: number
  /**
   * About how many bytes of memory those rows take at most, by their columns. One row that is larger is accepted when there
   * is no other. At least `flushBytes`.
   * @default 256 MiB, or a quarter of V8's heap where that is less
   */
  readonly bufferBytes?: number
  /** What becomes of a row that finds no room: see {@link OverflowPolicy}. @default 'wait' */
  readonly overflow?: OverflowPolicy
  /** Rows at which a batch leaves; with `adaptive`: at first. Minimum 1. @default 500 */
  readonly flushSize?: number
  /**
   * About how many bytes are sent in one batch at most; a row that is larger leaves alone. Learned from what the driver
   * encodes, and from the rows where it does not tell.
   * @default 16 MiB, or bufferBytes where that is less
   */
  readonly flushBytes?: number
  /** Longest time a row waits for its batch to fill up, in ms. @default 100 */
  readonly flushInterval?: number
  /**
   * The flow finds out by itself how many rows a batch should have and how many batches to write at once, from how fast rows are
   * committed: `true`, or the bounds within which it looks. It learns only while the database limits it, not from batches that
   * left by the clock, that had bad rows or were tried again, nor from an outage. Needs some thousand full batches to be done.
   * @default false
   */
  readonly adaptive?: boolean | AdaptiveOptions
  /**
   * One row in this many has its two latencies taken, on average; 1 = every row. Only with a reporter.
   * @default min(2000, flushSize), which is about one row of a full batch
   */
  readonly latencySampling?: number
  /**
   * Ask the database before the first batch of each table whether it fits, as `executor.check` does. Where it does not, rows of
   * that table fail with a `TableCheckError` as `cause`, and it is asked again with its next batch.
   * @default false
   */
  readonly check?: boolean
  /** One structured line per failed or slow batch. */
  readonly log?: LogOptions
  /** What to do with rows that failed for good. */
  readonly deadLetter?: DeadLetterHandler
  /** Aborts the flow: it accepts no more, cancels what runs, and fails what is not committed with reason `context`. */
  readonly signal?: AbortSignal
  /** The flow's source of time; for tests. @default the system's */
  readonly clock?: Clock
}

export interface FlowSettings {
  readonly bufferSize: number
  readonly bufferBytes: number
  readonly overflow: OverflowPolicy
  readonly flushSize: number
  readonly flushBytes: number
  readonly flushInterval: number
  /** `undefined`: all is as it was told. */
  readonly adaptive: AdaptiveSettings | undefined
  readonly sampling: number
  readonly check: boolean
  readonly log: BatchLog | undefined
  readonly deadLetter: DeadLetterHandler | undefined
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

/** What an array can hold. */
const MOST_ROWS = 2 ** 32 - 1

const MEBIBYTE = 1024 * 1024

const isExecutor = implementing<Executor>('made by postgresExecutor() or the like,', 'withMetricsReporter')

const OPTIONS = {
  bufferSize: optional(integer(1)),
  bufferBytes: optional(integer(1)),
  overflow: optional(oneOf('wait', 'reject', 'drop-oldest'), 'wait'),
  flushSize: optional(integer(1, MOST_FLUSH_SIZE), 500),
  flushBytes: optional(integer(1)),
  flushInterval: optional(integer(0, MAX_DELAY), 100),
  adaptive: optional(adaptiveOptions, false),
  latencySampling: optional(integer(1)),
  check: optional(boolean, false),
  log: optional(logOptions),
  deadLetter: optional(callback<DeadLetterHandler>()),
  signal: optional(isSignal),
  clock: optional(implementing<Clock>('a clock', 'now', 'timer'), systemClock),
} satisfies OptionsOf<BatchFlowOptions>

/** @throws {OptionError} naming the option, the value received and what is allowed */
export function flowSettings(options: BatchFlowOptions, executor: Executor): FlowSettings {
  const { driver, slots } = isExecutor('BatchFlow: executor', executor)
  const { latencySampling, log, adaptive, ...given } = parse('BatchFlow', OPTIONS, options)
  const { concurrencyLimit } = slots
  const around = { ...given, concurrencyLimit, connections: driver.connections }
  const bounds = adaptive === false ? undefined : adaptiveSettings(adaptive, around)
  const flushSize = bounds === undefined ? given.flushSize : clamp(bounds.flushSize, given.flushSize)
  const [largest, batches] = [bounds?.flushSize[1] ?? flushSize, bounds?.concurrency[1] ?? concurrencyLimit]
  const usual = Math.min(MOST_ROWS, Math.max(10_000, 2 * largest * Math.max(1, batches)))
  return {
    ...given,
    ...bytesOf(given),
    flushSize,
    adaptive: bounds,
    bufferSize: integer(largest)(`BatchFlow: bufferSize (with flushSize ${largest})`, given.bufferSize ?? usual),
    sampling: latencySampling ?? Math.min(2000, flushSize),
    log: log && new BatchLog(driver.name, log),
  }
}

/** Each of the two gives way to the other where that alone is given. */
function bytesOf(given: Record<'bufferBytes' | 'flushBytes', number | undefined>): {
  bufferBytes: number
  flushBytes: number
} {
  const usual = Math.min(256 * MEBIBYTE, Math.floor(getHeapStatistics().heap_size_limit / 4))
  const bufferBytes = given.bufferBytes ?? Math.max(usual, given.flushBytes ?? 0)
  const flushBytes = given.flushBytes ?? Math.min(16 * MEBIBYTE, bufferBytes)
  return {
    flushBytes,
    bufferBytes: integer(flushBytes)(`BatchFlow: bufferBytes (with flushBytes ${flushBytes})`, bufferBytes),
  }
}
