import type { IncomingMessage, ServerResponse } from 'node:http'
import { diag } from '@opentelemetry/api'
import { AggregationTemporality, MetricReader } from '@opentelemetry/sdk-metrics'
import { OptionError } from '../support/batchflow-error.ts'
import { MAX_DELAY } from '../support/clock.ts'
import { boolean, integer, type OptionsOf, optional, parse } from '../support/validate.ts'
import { exemplarStore } from '../telemetry/metrics/exemplars.ts'
import { SCOPE } from '../telemetry/scope.ts'
import { ENDPOINT, type EndpointAddress, type EndpointOptions, pageUrl } from './endpoint-options.ts'
import { LivePage } from './live/live-page.ts'
import { serveMetrics } from './metrics-server.ts'
import type { PageFormat } from './negotiate.ts'
import { renderPage } from './page.ts'
import { Scrapes } from './scrapes.ts'

export interface PrometheusExporterOptions extends EndpointOptions {
  /** With `false` nothing listens, and a server of the application's own passes requests to `handle`. @default true */
  readonly listen?: boolean | undefined
  /** Milliseconds an asynchronous observable callback may take; then the page goes without its metric. @default 5000 */
  readonly callbackTimeout?: number | undefined
}

const EXPORTER = {
  ...ENDPOINT,
  listen: optional(boolean, true),
  callbackTimeout: optional(integer(1, MAX_DELAY), 5000),
} satisfies OptionsOf<PrometheusExporterOptions>

/**
 * A metric reader that serves `GET /metrics` for Prometheus: all metrics of its `MeterProvider`, in the text format or, to
 * whoever asks for it, in OpenMetrics, and there with exemplars: buckets of `batchflow_execute_duration_seconds` name the
 * trace of the latest sampled batch that fell into them.
 *
 * ```ts
 * new NodeSDK({ metricReaders: [new BatchFlowPrometheusExporter({ port: 9464 })] })
 * new MeterProvider({ readers: [new BatchFlowPrometheusExporter()] })
 * ```
 *
 * Scrapes that meet share one page, which is written a few milliseconds at a time and sent with gzip to whoever takes it;
 * more than eight at once are answered 503.
 *
 * It listens at once, collects when it is asked for a page, and closes with its provider. When it cannot listen a process
 * warning says so, unless {@link listening} was called, whose promise then rejects.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export class BatchFlowPrometheusExporter extends MetricReader {
  readonly #callbackTimeout: number
  readonly #server: ReturnType<typeof serveMetrics> | undefined
  readonly #host: string
  readonly #live: LivePage
  readonly #scrapes = new Scrapes((format) => this.#render(format))
  readonly #complaints = new Set<string>()
  #awaited = false
  #unwant = () => {}

  constructor(options: PrometheusExporterOptions = {}) {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE })
    const { host, port, unref, page, listen, callbackTimeout } = parse('BatchFlowPrometheusExporter', EXPORTER, options)
    this.#callbackTimeout = callbackTimeout
    this.#live = new LivePage(typeof page === 'boolean' ? {} : page)
    this.#host = host
    if (!listen) return
    const live = page === false ? undefined : this.#live
    this.#server = serveMetrics({ host, port, unref, scrapes: this.#scrapes, live })
    this.#server.catch((error: Error) => {
      if (!this.#awaited)
        process.emitWarning(`BatchFlowPrometheusExporter: ${error.message}`, { code: 'BATCHFLOW_PORT' })
    })
  }

  /**
   * Resolves when the page can be fetched.
   *
   * @throws {BatchFlowError} `ERR_BATCHFLOW_PORT` when the port is taken or the address cannot be listened on
   * @throws {OptionError} when it was told not to listen
   */
  async listening(): Promise<EndpointAddress> {
    this.#awaited = true
    if (this.#server === undefined) throw new OptionError('BatchFlowPrometheusExporter: listen is false')
    const { port } = await this.#server
    return { port, url: pageUrl(this.#host, port) }
  }

  /**
   * All metrics as they are now. A callback that throws costs its own metric and is logged by `diag`.
   *
   * @throws what the SDK throws, after `shutdown()` for one
   */
  async page(format: PageFormat = 'text'): Promise<string> {
    return (await this.#render(format)).toString()
  }

  /**
   * Answers a request to a server of the application's own with the page, whatever its path. Never rejects.
   *
   * ```ts
   * const exporter = new BatchFlowPrometheusExporter({ listen: false })
   * createServer((request, response) => exporter.handle(request, response)).listen(9464)
   * ```
   */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#scrapes.answer(request, response)
  }

  /**
   * Answers a request to a server of the application's own with the live page, whatever its path and whether or not the
   * option `page` is on; with its `title` and `traceUrl`, if given. The page asks for `metrics` beside its own address:
   * `/ops/` wants `/ops/metrics`. Never rejects.
   */
  handleLivePage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#live.answer(request, response)
  }

  protected override onInitialized(): void {
    this.#unwant = exemplarStore().want()
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {
    this.#unwant()
    const server = await this.#server?.catch(() => undefined)
    await server?.close()
  }

  async #render(format: PageFormat): Promise<Buffer> {
    const { resourceMetrics, errors } = await this.collect({ timeoutMillis: this.#callbackTimeout })
    if (errors.length > 0) diag.error(`${SCOPE.name}: some metrics could not be collected`, ...errors)
    return renderPage(resourceMetrics, format, exemplarStore().noted(), (message) => this.#complain(message))
  }

  /** Once: the same is found again at each scrape. */
  #complain(message: string): void {
    if (this.#complaints.has(message)) return
    this.#complaints.add(message)
    diag.warn(`${SCOPE.name}: ${message}`)
  }
}
