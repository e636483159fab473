import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bucketsOf, quantile } from '../../../src/prometheus/live/model/quantile.ts'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { historyOf } from '../../support/live-page/pages.ts'

const test = suite('live page: quantiles')
const INF = Number.POSITIVE_INFINITY

function buckets(...pairs: readonly (readonly [number, number])[]) {
  return pairs.map(([bound, count]) => ({ bound, count }))
}

/** Each what Prometheus 2.42 answers. */
test('is linear in its bucket, from 0 in the first one', () => {
  const some = buckets([0.1, 10], [0.2, 30], [0.4, 40], [INF, 40])
  assert.ok(Math.abs(quantile(0.5, some)! - 0.15) < 1e-12)
  assert.ok(Math.abs(quantile(0.95, some)! - 0.36) < 1e-12)
  assert.ok(Math.abs(quantile(0.1, some)! - 0.04) < 1e-12)
  assert.is(quantile(0.25, some), 0.1)
})

test('beyond the last bound it is that bound; of nothing there is none', () => {
  assert.is(quantile(0.99, buckets([0.1, 0], [0.2, 1], [INF, 10])), 0.2)
  assert.is(quantile(0.5, []), undefined)
  assert.is(quantile(0.5, buckets([0.1, 0], [INF, 0])), undefined)
  assert.is(quantile(0.5, buckets([0.1, 5])), undefined, 'without the bucket of all')
})

test('takes what the buckets of all tables grew by', () => {
  const line = (table: string, le: string, value: number) =>
    `batchflow_execute_duration_seconds_bucket{table="${table}",le="${le}"} ${value}`
  const history = historyOf({
    0: [line('a', '0.1', 50), line('a', '+Inf', 50)],
    2: [line('a', '0.1', 51), line('a', '+Inf', 52), line('b', '0.1', 1), line('b', '+Inf', 1)],
  })
  assert.equal(bucketsOf(history.window(60), METRICS.executeDuration), buckets([0.1, 2], [INF, 3]))
})

test.run()
