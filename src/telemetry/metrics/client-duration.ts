import type { Attributes, Histogram, MeterProvider } from '@opentelemetry/api'
import {
  ATTR_DB_COLLECTION_NAME,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_RESPONSE_STATUS_CODE,
  ATTR_ERROR_TYPE,
  METRIC_DB_CLIENT_OPERATION_DURATION,
} from '@opentelemetry/semantic-conventions'
import type { FlowProbe, TableMetrics } from '../../contract/metrics-reporter.ts'
import { connectionAttributes } from '../connection-attributes.ts'
import { SCOPE } from '../scope.ts'

export type ObserveAttempt = NonNullable<TableMetrics['observeAttemptDuration']>

/** Semantic conventions for database client metrics: the buckets that SHOULD be used, in seconds. */
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** The conventions' own metric, one value per attempt, for dashboards that know nothing of batches. */
export class ClientDuration {
  readonly #histogram: Histogram
  readonly #common: Attributes

  constructor(provider: MeterProvider, flow: FlowProbe) {
    this.#common = connectionAttributes(flow.database, flow.target)
    this.#histogram = provider
      .getMeter(SCOPE.name, SCOPE.version)
      .createHistogram(METRIC_DB_CLIENT_OPERATION_DURATION, {
        description: 'Duration of database client operations.',
        unit: 's',
        advice: { explicitBucketBoundaries: BUCKETS },
      })
  }

  /** What records the attempts of one table. */
  of(table: string): ObserveAttempt {
    return (seconds, operation, reason, code) => {
      const attributes: Attributes = {
        ...this.#common,
        [ATTR_DB_COLLECTION_NAME]: table,
        [ATTR_DB_OPERATION_NAME]: operation,
        ...(reason !== undefined && { [ATTR_ERROR_TYPE]: reason }),
        ...(code !== undefined && { [ATTR_DB_RESPONSE_STATUS_CODE]: code }),
      }
      this.#histogram.record(seconds, attributes)
    }
  }
}
