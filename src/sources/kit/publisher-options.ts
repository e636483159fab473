import type { TracerProvider } from '@opentelemetry/api'
import type { MetricsReporter } from '../../contract/metrics-reporter.ts'
import type { RetryOptions } from '../../executor/retry.ts'
import type { BatchFlowOptions } from '../../flow/options.ts'
import {
  callback,
  implementing,
  integer,
  type Option,
  type OptionsOf,
  optional,
  parse,
  unchecked,
} from '../../support/validate.ts'
import type { MessageEncoder, PackingSettings, PartitionBy } from './packing.ts'

/**
 * A publisher is a flow whose rows are messages: `flushSize`, `flushInterval`, `bufferSize` and the like count messages.
 * `bufferSize` bounds those that are accepted and not in the log yet.
 */
export interface PublisherOptions extends BatchFlowOptions {
  /**
   * What decides about the partition of a row whose table has no conflict keys; `undefined` for one that may go anywhere.
   * Rows with the same value stay in order. @default none: such rows take turns
   */
  readonly partitionBy?: PartitionBy | undefined
  /** Rows as the body of a message; the worker then needs the `decode` that fits. @default JSON, see `encodeRows` */
  readonly encode?: MessageEncoder | undefined
  /** Bytes at which the rows of one call are divided into several messages. A larger row goes alone. @default 131072 */
  readonly maxMessageBytes?: number | undefined
  /** Rows of one call in one message at most. @default 500 */
  readonly maxMessageRows?: number | undefined
  /** As `withRetry` of an executor. */
  readonly retry?: RetryOptions | false | undefined
  /** Time limit of one attempt to write to the log, in ms; 0: none. @default 30000 */
  readonly timeout?: number | undefined
  /** Reports what the publisher does; messages are its rows, the destination is its table. */
  readonly metricsReporter?: MetricsReporter | undefined
  /** Makes the PRODUCER spans. @default the global provider */
  readonly tracerProvider?: TracerProvider | undefined
}

type Own = Omit<PublisherOptions, keyof BatchFlowOptions>

/** What a publisher has beside its flow; the flow checks its own. */
const OWN = {
  partitionBy: optional(callback<PartitionBy>()),
  encode: optional(callback<MessageEncoder>()),
  maxMessageBytes: optional(integer(1), 131_072),
  maxMessageRows: optional(integer(1), 500),
  retry: optional(unchecked<RetryOptions | false>()),
  timeout: optional(integer(0), 30_000),
  metricsReporter: optional(implementing<MetricsReporter>('a MetricsReporter', 'open')),
  tracerProvider: optional(implementing<TracerProvider>('a TracerProvider', 'getTracer')),
} satisfies OptionsOf<Own>

const FLOW: Record<keyof BatchFlowOptions, Option<unknown>> = {
  bufferSize: optional(unchecked()),
  bufferBytes: optional(unchecked()),
  overflow: optional(unchecked()),
  flushSize: optional(unchecked()),
  flushBytes: optional(unchecked()),
  flushInterval: optional(unchecked()),
  adaptive: optional(unchecked()),
  latencySampling: optional(unchecked()),
  check: optional(unchecked()),
  log: optional(unchecked()),
  deadLetter: optional(unchecked()),
  signal: optional(unchecked()),
  clock: optional(unchecked()),
}

/** What a source's publisher declares so that `parse` knows it: `{ stream: …, ...PUBLISHER }`. */
export const PUBLISHER = { ...OWN, ...FLOW }

export interface PublisherSettings extends Omit<PackingSettings, 'partitions'> {
  readonly retry: RetryOptions | false | undefined
  readonly timeout: number
  readonly metricsReporter: MetricsReporter | undefined
  readonly tracerProvider: TracerProvider | undefined
  readonly flow: BatchFlowOptions
}

/** What is sent at a time while the log answers quickly: nobody waits long for a batch to fill up. */
const FLUSH = { flushSize: 1000, flushInterval: 5 }

/** @throws {OptionError} */
export function publisherSettings(owner: string, options: PublisherOptions): PublisherSettings {
  const given = parse(owner, PUBLISHER, options)
  const flow = Object.entries(given).filter(([name, value]) => name in FLOW && value !== undefined)
  const { partitionBy, encode, maxMessageBytes, maxMessageRows, retry, timeout, metricsReporter, tracerProvider } =
    given
  const own = { partitionBy, encode, maxMessageBytes, maxMessageRows, retry, timeout, metricsReporter, tracerProvider }
  return { ...own, flow: { ...FLUSH, ...Object.fromEntries(flow) } }
}
