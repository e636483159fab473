import type { RowFailedError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { Executor } from '../executor/executor.ts'
import { type Clock, MAX_DELAY, systemClock } from '../support/clock.ts'
import { callback, implementing, integer, knownKeys } from '../support/options.ts'
import { BatchLog, type LogOptions } from './batch-log.ts'

/** A row that failed for good. */
export interface DeadLetter {
  readonly table: string
  /** As submitted; where rows of one conflict key were merged, the merged row. */
  readonly row: Row
  readonly error: RowFailedError
}

/**
 * Takes the failed rows of one batch, to keep them elsewhere. The rows count as failed either way; as dead letters only
 * when the handler returns, or its promise resolves. It is waited for: its rows keep their place in the buffer. So it must
 * not itself wait for this flow, which may have room for nothing else: write dead letters with a flow of their own.
 */
export type DeadLetterHandler = (letters: readonly DeadLetter[]) => void | Promise<void>

export interface BatchFlowOptions {
  /** Most rows accepted and not yet settled. @default max(10,000, 2 × flushSize × concurrency limit), no limit counting as 1 */
  readonly bufferSize?: number
  /** Rows at which a batch leaves. Minimum 1. @default 500 */
  readonly flushSize?: number
  /** Longest time a row waits for its batch to fill up, in ms. @default 100 */
  readonly flushInterval?: number
  /**
   * One row in this many has its two latencies taken, on average; 1 = every row. Only with a reporter.
   * @default min(256, ⌈flushSize / 8⌉), which is about eight rows of a full batch
   */
  readonly latencySampling?: number
  /** One structured line per failed or slow batch. */
  readonly log?: LogOptions
  /** What to do with rows that failed for good. */
  readonly deadLetter?: DeadLetterHandler
  /** Aborts the flow: it accepts no more, cancels what runs, and fails what is not committed with reason `context`. */
  readonly signal?: AbortSignal
  /** Where the flow has its time from; for tests. */
  readonly clock?: Clock
}

export interface FlowSettings {
  readonly bufferSize: number
  readonly flushSize: number
  readonly flushInterval: number
  readonly sampling: number
  readonly log: BatchLog | undefined
  readonly deadLetter: DeadLetterHandler | undefined
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

const KNOWN = ['bufferSize', 'flushSize', 'flushInterval', 'latencySampling', 'log', 'deadLetter', 'signal', 'clock']

/** What an array can hold. */
const MOST_ROWS = 2 ** 32 - 1

/** `undefined` alone means that an option was not given. */
function given<T>(option: T | undefined, fallback: T): T {
  return option === undefined ? fallback : option
}

/** @throws {OptionError} naming the option, the value received and what is allowed */
export function flowSettings(options: BatchFlowOptions, executor: Executor): FlowSettings {
  implementing('executor (made by postgresExecutor() or the like)', executor, ['withMetricsReporter'])
  knownKeys('BatchFlow', options, KNOWN)
  const flushSize = integer('flushSize', given(options.flushSize, 500), 1, 1_000_000)
  const slots = Math.max(1, executor.slots.concurrencyLimit)
  const bufferSize = given(options.bufferSize, Math.min(MOST_ROWS, Math.max(10_000, 2 * flushSize * slots)))
  const sampling = given(options.latencySampling, Math.min(256, Math.ceil(flushSize / 8)))
  return {
    flushSize,
    bufferSize: integer(`bufferSize (with flushSize ${flushSize})`, bufferSize, flushSize),
    flushInterval: integer('flushInterval', given(options.flushInterval, 100), 0, MAX_DELAY),
    sampling: integer('latencySampling', sampling, 1),
    log: options.log === undefined ? undefined : new BatchLog(executor.driver.name, options.log),
    deadLetter: options.deadLetter === undefined ? undefined : callback('deadLetter', options.deadLetter),
    signal: options.signal === undefined ? undefined : implementing('signal', options.signal, ['addEventListener']),
    clock: implementing('clock', given(options.clock, systemClock), ['now', 'timer']),
  }
}
