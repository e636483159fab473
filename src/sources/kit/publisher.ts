import { randomUUID } from 'node:crypto'
import type { Change } from '../../contract/deletion.ts'
import { defineTable, isTable, type Row, type Table } from '../../contract/table.ts'
import { createExecutor } from '../../executor/executor.ts'
import { BatchFlow } from '../../flow/batch-flow.ts'
import type { SubmitOptions } from '../../flow/flow.ts'
import type { CloseOptions } from '../../flow/lifecycle.ts'
import type { CloseSummary } from '../../flow/outcomes.ts'
import type { FlowStats } from '../../flow/stats.ts'
import { type LogDriver, type LogMessage, SendDriver } from './log-driver.ts'
import { Packing } from './packing.ts'
import { ProducerTracing } from './producer-tracing.ts'
import { type PublisherOptions, publisherSettings } from './publisher-options.ts'

/**
 * Hands rows to a durable log, batched on the way in. It is a flow whose rows are messages: one batch is on its way at a time,
 * so that rows of one key are in the log in the order they were handed over.
 *
 * A row is encoded at once: it may be changed afterwards.
 */
export class Publisher implements AsyncDisposable {
  readonly #log: LogDriver
  readonly #flow: BatchFlow
  readonly #packing: Packing
  readonly #messages: Table<LogMessage>
  #closing: Promise<void> | undefined

  /** @internal Use the publisher function of a source. */
  constructor(log: LogDriver, options: PublisherOptions = {}) {
    const settings = publisherSettings(`${log.name} publisher`, options)
    const { flow, retry, timeout, metricsReporter, tracerProvider } = settings
    let executor = createExecutor(new SendDriver(log, idsOf(randomUUID())))
      .withConcurrencyLimit(1)
      .withTimeout(timeout)
      .withTracing(new ProducerTracing(log, tracerProvider))
    if (retry !== undefined) executor = executor.withRetry(retry)
    if (metricsReporter !== undefined) executor = executor.withMetricsReporter(metricsReporter)
    this.#log = log
    this.#packing = new Packing({ ...settings, partitions: log.partitions, partitionOf: log.partitionOf?.bind(log) })
    this.#messages = defineTable<LogMessage>(tableNameOf(log.destination), {
      columns: ['partition', 'key', 'headers', 'body'],
    })
    this.#flow = new BatchFlow(executor, flow)
  }

  /**
   * Resolves when the log has the row.
   *
   * @throws {RowFailedError} when the log did not take it; its `cause` is what the log said
   * @throws {InvalidRowError} when no message can hold it
   * @throws {ClosedError} after `close()`
   * @throws {FullError} when there is no room and `overflow` is `reject`
   * @throws {AbortedError} when `signal` is aborted first
   */
  async publish<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SubmitOptions): Promise<void> {
    await this.#flow.write(this.#messages, this.#packing.one(known(table), row), options)
  }

  /**
   * Resolves when the log has all rows. They become one message per partition, which costs a fraction of one each. Rejects with
   * the error of the first message that failed; others may be in the log.
   *
   * @throws as `publish` does
   */
  async publishMany<R extends Row>(
    table: Table<R>,
    rows: readonly Change<NoInfer<R>>[],
    options?: SubmitOptions,
  ): Promise<void> {
    const messages = this.#packing.many(known(table), rows)
    for (const result of await this.#flow.writeMany(this.#messages, messages, options)) {
      if (result.status === 'rejected') throw result.reason
    }
  }

  /** Resolves when the row is accepted, which is at once unless the buffer is full. @throws as `submit` of a flow, and {@link InvalidRowError} */
  submit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SubmitOptions): Promise<void> {
    try {
      return this.#flow.submit(this.#messages, this.#packing.one(known(table), row), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Resolves when all rows are accepted. They become one message per partition. @throws as `submit` */
  async submitMany<R extends Row>(
    table: Table<R>,
    rows: readonly Change<NoInfer<R>>[],
    options?: SubmitOptions,
  ): Promise<void> {
    await this.#flow.submitMany(this.#messages, this.#packing.many(known(table), rows), options)
  }

  /** Takes the row if there is room, without waiting. @throws {ClosedError} {InvalidRowError} */
  trySubmit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>): boolean {
    return this.#flow.trySubmit(this.#messages, this.#packing.one(known(table), row))
  }

  /** Sends what is buffered now; resolves when that is settled, failed messages included. */
  flush(): Promise<void> {
    return this.#flow.flush()
  }

  /** Its flow, whose rows are messages. */
  stats(): FlowStats {
    return this.#flow.stats()
  }

  /** As `close` of a flow: writes everything out. The rows of its summary are messages. The user's client is not closed. */
  close(options?: CloseOptions): Promise<CloseSummary> {
    const closed = this.#flow.close(options)
    this.#closing ??= closed.then(() => this.#log.close?.())
    return this.#closing.then(() => closed)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function idsOf(prefix: string): () => string {
  let count = 0
  return () => `${prefix}:${++count}`
}

function known<R extends Row>(table: Table<R>): Table<Row> {
  return isTable('publisher: table', table)
}

/** Metrics call it by this; a destination with dots is one name nevertheless. */
function tableNameOf(destination: string): string {
  return /^[^".]+$/.test(destination) ? destination : `"${destination.replaceAll('"', '""')}"`
}
