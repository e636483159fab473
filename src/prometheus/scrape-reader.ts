import { diag } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { AggregationTemporality, MetricReader } from '@opentelemetry/sdk-metrics'

/** Collects when it is asked for a page; in between it does nothing and holds no timer. */
export class ScrapeReader extends MetricReader {
  readonly #serializer = new PrometheusSerializer()

  readonly #callbackTimeout: number

  /** @param callbackTimeout ms an asynchronous observable callback may take; then the page goes without its metric */
  constructor(callbackTimeout = 5000) {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE })
    this.#callbackTimeout = callbackTimeout
  }

  /**
   * All metrics in the text format, version 0.0.4. A callback that throws costs its own metric and is logged by `diag`.
   *
   * @throws what the SDK throws, after `shutdown()` for one
   */
  async page(): Promise<string> {
    const { resourceMetrics, errors } = await this.collect({ timeoutMillis: this.#callbackTimeout })
    if (errors.length > 0) diag.error('batchflow-otel: some metrics could not be collected', ...errors)
    const page = this.#serializer.serialize(resourceMetrics)
    return page.endsWith('\n') ? page : `${page}\n`
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}
