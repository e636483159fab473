import type { Change } from '../contract/deletion.ts'
import { AttemptError, type Driver } from '../contract/driver.ts'
import type { MetricsReporter } from '../contract/metrics-reporter.ts'
import type { Classifier } from '../contract/reasons.ts'
import { isTable, type Row, type Table } from '../contract/table.ts'
import type { Finding } from '../contract/table-facts.ts'
import type { Tracing } from '../contract/tracing.ts'
import type { WriteOptions, WriteResult } from '../contract/write-result.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { MAX_DELAY } from '../support/clock.ts'
import { boolean, callback, implementing, integer } from '../support/validate.ts'
import { check } from './check.ts'
import { checkedDriver } from './checked-driver.ts'
import { Slots } from './concurrency-limit.ts'
import { Gate } from './outage.ts'
import { type Preview, type PreviewOptions, preview } from './preview.ts'
import { RetryBudget, type RetryOptions, type RetryPolicy, retryPolicy } from './retry.ts'
import { Tokens } from './tokens.ts'

interface Settings {
  readonly concurrencyLimit: number
  readonly retry: RetryPolicy
  /** ms per attempt; 0 = none */
  readonly timeout: number
  readonly isolate: boolean
  readonly classify: Classifier | undefined
  readonly reporters: readonly MetricsReporter[]
  readonly tracing: Tracing | undefined
}

const DEFAULTS: Settings = {
  concurrencyLimit: 0,
  retry: retryPolicy(),
  timeout: 30_000,
  isolate: true,
  classify: undefined,
  reporters: [],
  tracing: undefined,
}

const concurrencyLimit = integer(0)
const timeout = integer(0, MAX_DELAY)
const isReporter = implementing<MetricsReporter>('a MetricsReporter', 'open')
const isTracing = implementing<Tracing>('a Tracing', 'open')
const isClassifier = callback<Classifier>()
const isDriver = implementing<Driver>('a driver', 'plan', 'run')

/**
 * How batches are carried out: by which driver, how many at once, with which retries and time limit. Immutable: every
 * `with…` method returns a new executor with a concurrency limit of its own. Flows given the same executor share its
 * limit.
 */
export class Executor {
  readonly driver: Driver
  /** @internal */
  readonly settings: Settings
  /** @internal */
  readonly slots: Slots
  /** @internal */
  readonly gate: Gate
  /** @internal */
  readonly budget: RetryBudget
  /** Where plain inserts carry a token. @internal */
  readonly tokens: Tokens | undefined

  /** @param limits whose limits it shares. @internal Use `createExecutor` or a driver's own function. */
  constructor(driver: Driver, settings: Settings, limits?: Executor) {
    this.driver = driver
    this.settings = settings
    this.gate = limits?.gate ?? new Gate(driver, settings.retry, () => this.slots.wake())
    this.slots = limits?.slots ?? new Slots(settings.concurrencyLimit, this.gate)
    this.budget = limits?.budget ?? new RetryBudget()
    const { companions } = driver
    const isVerified = settings.retry.onAmbiguous === 'verify' && companions !== undefined
    this.tokens = isVerified ? (limits?.tokens ?? new Tokens(companions)) : undefined
  }

  /** At most `limit` batches at once; 0 = unlimited, the default. @throws {OptionError} */
  withConcurrencyLimit(limit: number): Executor {
    return this.#with({ concurrencyLimit: concurrencyLimit('withConcurrencyLimit: limit', limit) })
  }

  /**
   * How attempts that failed for a passing reason are repeated, and how long rows wait for a database that is away. By
   * default 5 attempts and 5 minutes; `false` turns both off. @throws {OptionError}
   */
  withRetry(options: RetryOptions | false): Executor {
    const retry = retryPolicy(options)
    if (retry.onAmbiguous === 'verify' && this.driver.companions === undefined) {
      const why = `${this.driver.name} has no transactions to commit a token in`
      throw new OptionError(`withRetry: onAmbiguous must be one of retry, fail, received "verify": ${why}`)
    }
    return this.#with({ retry })
  }

  /** Time limit per attempt in ms; the statement is cancelled on the server. 0 = none. 30,000 by default. @throws {OptionError} */
  withTimeout(milliseconds: number): Executor {
    return this.#with({ timeout: timeout('withTimeout: milliseconds', milliseconds) })
  }

  /**
   * Reports what flows made from this executor do, beside the reporters it has already. Inject it before `new BatchFlow`. Of
   * several reporters with one `destination` the first one reports.
   *
   * @throws {OptionError}
   */
  withMetricsReporter(reporter: MetricsReporter): Executor {
    const reporters = new Set(this.settings.reporters).add(isReporter('withMetricsReporter: reporter', reporter))
    return this.#with({ reporters: [...reporters] })
  }

  /** Ties the batches of flows made from this executor to traces. Inject it before `new BatchFlow`. @throws {OptionError} */
  withTracing(tracing: Tracing): Executor {
    return this.#with({ tracing: isTracing('withTracing: tracing', tracing) })
  }

  /** Asked before the driver's own classification; `undefined` leaves the decision to it. @throws {OptionError} */
  withErrorClassifier(classify: Classifier): Executor {
    return this.#with({ classify: isClassifier('withErrorClassifier: classify', classify) })
  }

  /**
   * Whether a batch that fails because of single rows (`duplicate_key`, `constraint`, `invalid_data`) is split until the
   * bad rows stand alone and the others are committed. With `false` such a batch fails whole. On by default. @throws {OptionError}
   */
  withIsolation(isolate: boolean): Executor {
    return this.#with({ isolate: boolean('withIsolation: isolate', isolate) })
  }

  /**
   * What a batch of `rows` would do, without doing it: operations, values sent, rows merged, fingerprints. Values are
   * shown only with `{ values: true }`. The driver may ask the database about the table.
   */
  preview<R extends Row>(
    table: Table<R>,
    rows: readonly Change<NoInfer<R>>[],
    options?: PreviewOptions,
  ): Promise<Preview> {
    return preview(this.driver, table, rows, options)
  }

  /**
   * Asks the database, without writing anything, whether rows of this table could be written: whether it has the table and its
   * columns, the unique index that conflict keys need, and grants the rights, and whether a batch without rows goes through. As far
   * as each database can tell: see `docs/schema.md`. What comes with rows, their values and triggers, only rows show.
   *
   * @returns what was looked at; `ok` is `undefined` where it could not be told
   * @throws {OptionError} when `table` was not made by `defineTable`
   * @throws {TableCheckError} that names everything that is wrong
   * @throws what the client throws when the database cannot be asked
   */
  async check(table: Table): Promise<readonly Finding[]> {
    const { timeout } = this.settings
    const signal = timeout > 0 ? AbortSignal.timeout(timeout) : new AbortController().signal
    try {
      return await check(this.driver, isTable('check: table', table), signal)
    } catch (error) {
      throw error instanceof AttemptError ? error.cause : error
    }
  }

  /**
   * Writes rows without a flow of one's own, and resolves when all are settled: in one batch where they are up to 10,000 and
   * 16 MiB, with the retries, the isolation of bad rows, the limit and the telemetry of every other batch. Rows that share a
   * conflict key are merged. Does not reject for rows that fail: look at `failed`.
   *
   * @throws {OptionError} when `table` or `rows` is none
   */
  write<R extends Row>(table: Table<R>, rows: readonly NoInfer<R>[], options?: WriteOptions): Promise<WriteResult<R>>
  write<R extends Row>(
    table: Table<R>,
    rows: readonly Change<NoInfer<R>>[],
    options?: WriteOptions,
  ): Promise<WriteResult<Change<R>>>
  async write<R extends Row>(
    table: Table<R>,
    rows: readonly Change<NoInfer<R>>[],
    options?: WriteOptions,
  ): Promise<WriteResult<Change<R>>> {
    const { writeRows } = await import('../flow/write-rows.ts')
    return writeRows(this, table, rows, options)
  }

  /** The same executor, limits and all, that checks each table before the first batch of it. @internal */
  checking(): Executor {
    return new Executor(checkedDriver(this.driver), this.settings, this)
  }

  #with(change: Partial<Settings>): Executor {
    return new Executor(this.driver, { ...this.settings, ...change })
  }
}

/** An executor over any driver, with the defaults. @throws {OptionError} when `driver` is not a driver */
export function createExecutor(driver: Driver): Executor {
  return new Executor(isDriver('createExecutor: driver', driver), DEFAULTS)
}
