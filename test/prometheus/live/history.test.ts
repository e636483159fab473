import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { total } from '../../../src/prometheus/live/model/history.ts'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { historyOf } from '../../support/live-page/pages.ts'

const test = suite('live page: history')

const records = (value: number, table = 't') => `batchflow_records_total{table="${table}",status="success"} ${value}`
const length = (value: number, table: string) => `batchflow_pipeline_queue_length{table="${table}"} ${value}`

test('a rate is what a counter grew by, per second of the time covered', () => {
  const history = historyOf({ 0: [records(100)], 2: [records(120)], 4: [records(180)], 12: [records(200)] })
  assert.equal(history.window(10).rate(METRICS.records), [{ labels: {}, value: 8 }], 'from second 2')
  assert.is(history.window(60).seconds, 12, 'all there is')
  assert.equal(history.window(60).rate(METRICS.records), [{ labels: {}, value: 100 / 12 }])
})

test('a first look has no rates', () => {
  assert.equal(
    historyOf({ 0: [records(100)] })
      .window(10)
      .rate(METRICS.records),
    [],
  )
})

test('a counter that fell began anew; one that appears counts from 0; one that is left out once is not counted twice', () => {
  const fell = historyOf({ 0: [records(100)], 2: [records(150)], 4: [records(30)], 6: [records(40)] })
  assert.is(total(fell.window(60).increase(METRICS.records)), 50 + 30 + 10)
  const appeared = historyOf({ 0: [], 2: [records(7)] })
  assert.is(total(appeared.window(60).increase(METRICS.records)), 7)
  const away = historyOf({ 0: [records(100)], 2: [], 4: [records(110)] })
  assert.is(total(away.window(60).increase(METRICS.records)), 10)
})

test('values are summed by the labels asked for, and gauges are those of now', () => {
  const history = historyOf({ 0: [length(9, 'a')], 2: [length(1, 'a'), length(2, 'b')] })
  assert.equal(history.now(METRICS.queueLength), [{ labels: {}, value: 3 }])
  assert.equal(history.now(METRICS.queueLength, { by: ['table'] }), [
    { labels: { table: 'a' }, value: 1 },
    { labels: { table: 'b' }, value: 2 },
  ])
  const where = ({ table }: { table?: string }) => table === 'b'
  assert.equal(history.now(METRICS.queueLength, { where }), [{ labels: {}, value: 2 }])
  assert.equal(history.now(METRICS.executorPaused), [])
})

test.run()
