import { diag } from '@opentelemetry/api'
import { OptionError } from '../contract/errors.ts'
import type { BatchRun } from '../executor/batch-run.ts'
import { fingerprint } from '../executor/preview.ts'
import { callback, implementing, knownKeys, number, show } from '../support/options.ts'

/** What pino, console and most loggers have in common. */
export interface Logger {
  info(line: object, message: string): void
  warn(line: object, message: string): void
  error(line: object, message: string): void
}

/** One settled batch; never a value of a row. */
export interface BatchLogLine {
  readonly database: string
  readonly table: string
  readonly status: 'success' | 'fail'
  readonly reason?: string
  /** The database's own code. */
  readonly code?: string
  /** Rows written or tried. */
  readonly rows: number
  /** Rows accepted into the batch; more than `rows` where rows of one key were merged. */
  readonly accepted: number
  readonly failed: number
  readonly attempts: number
  readonly trigger: string
  readonly durationMs: number
  /** Of the operation's text; the same as in a preview. */
  readonly fingerprint?: string
  readonly traceId?: string
  readonly spanId?: string
}

export interface LogOptions {
  readonly logger: Logger
  /** Batches that take longer than this from leaving the lane until settled are slow, in ms. @default 1000 */
  readonly slow?: number
  /**
   * Which batches get a line: `errors`, `errors and slow`, or these and a share of all others, 0 to 1.
   * @default 'errors and slow'
   */
  readonly sample?: 'errors' | 'errors and slow' | number
  /** Changes a line before it is written, or drops it with `undefined`. */
  readonly redact?: (line: BatchLogLine) => object | undefined
}

/** Writes one structured line per batch that is worth one. */
export class BatchLog {
  readonly #database: string
  readonly #logger: Logger
  readonly #slow: number
  readonly #sample: 'errors' | 'errors and slow' | number
  readonly #redact: (line: BatchLogLine) => object | undefined

  /** @throws {OptionError} */
  constructor(database: string, options: LogOptions) {
    knownKeys('log', options, ['logger', 'slow', 'sample', 'redact'])
    this.#database = database
    this.#logger = implementing('log: logger', options.logger, ['info', 'warn', 'error'])
    this.#slow = number('log: slow', options.slow ?? 1000, 0, Number.POSITIVE_INFINITY)
    this.#sample = sampleOption(options.sample ?? 'errors and slow')
    this.#redact = callback('log: redact', options.redact ?? ((line: BatchLogLine) => line))
  }

  /** @param durationMs from leaving the lane until settled */
  settled(run: BatchRun, failed: number, durationMs: number): void {
    const level = this.#levelOf(failed, durationMs)
    if (level === undefined) return
    const line = this.#lineOf(run, failed, durationMs)
    try {
      const shown = this.#redact(line)
      if (shown !== undefined) this.#logger[level](shown, messageOf(line, level))
    } catch (error) {
      diag.error('batchflow-otel: the logger threw', error)
    }
  }

  #levelOf(failed: number, durationMs: number): 'info' | 'warn' | 'error' | undefined {
    if (failed > 0) return 'error'
    if (this.#sample === 'errors') return undefined
    if (durationMs > this.#slow) return 'warn'
    return typeof this.#sample === 'number' && Math.random() < this.#sample ? 'info' : undefined
  }

  #lineOf({ batch, attempts, reason, code, text, ids }: BatchRun, failed: number, durationMs: number): BatchLogLine {
    return {
      database: this.#database,
      table: batch.table.name,
      status: failed > 0 ? 'fail' : 'success',
      ...(reason !== undefined && { reason }),
      ...(code !== undefined && { code }),
      rows: batch.rows.length,
      accepted: batch.accepted,
      failed,
      attempts,
      trigger: batch.trigger,
      durationMs: Math.round(durationMs * 1000) / 1000,
      ...(text !== undefined && { fingerprint: fingerprint(text) }),
      ...ids,
    }
  }
}

function messageOf({ table, failed, accepted, reason }: BatchLogLine, level: string): string {
  if (level === 'error') return `batch of ${table}: ${failed} of ${accepted} rows failed (${reason})`
  return level === 'warn' ? `batch of ${table} was slow` : `batch of ${table}`
}

function sampleOption(value: NonNullable<LogOptions['sample']>): NonNullable<LogOptions['sample']> {
  if (value === 'errors' || value === 'errors and slow') return value
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new OptionError(`log: sample must be errors, errors and slow, or a number from 0 to 1, received ${show(value)}`)
}
