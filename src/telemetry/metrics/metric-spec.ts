/** Attribute names. */
export const ATTR = {
  table: 'table',
  database: 'database',
  testName: 'test_name',
  status: 'status',
  type: 'type',
  errorType: 'error.type',
  reason: 'reason',
  trigger: 'trigger',
  strategy: 'strategy',
  source: 'source',
  outcome: 'outcome',
  partition: 'partition',
} as const

export type AttributeName = (typeof ATTR)[keyof typeof ATTR]

/** The observable kinds are read at each collection; a `gauge` is not additive, an `upDownCounter` is. */
export type MetricKind = 'histogram' | 'counter' | 'observableUpDownCounter' | 'observableGauge'

export interface MetricSpec {
  /** Name of the OTel instrument. */
  readonly name: `batchflow.${string}`
  readonly kind: MetricKind
  /** UCUM. Never `1`: exporters would add `_ratio` to a gauge. */
  readonly unit: 's' | 'By' | `{${string}}`
  readonly description: string
  /** Every attribute that can occur; `error.type` is absent where nothing failed, `test_name` where none is set. */
  readonly attributes: readonly AttributeName[]
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[]
  /** Recorded for a random sample of the rows: its count is the number of samples. */
  readonly sampled?: boolean
}
