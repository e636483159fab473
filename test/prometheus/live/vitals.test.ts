import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { healthOf, LEVELS, vitalsOf } from '../../../src/prometheus/live/model/vitals.ts'
import { historyOf, type Pages } from '../../support/live-page/pages.ts'

const test = suite('live page: health')

interface State {
  readonly committed?: number
  readonly failed?: number
  readonly unsettled?: number
  readonly oldest?: number
  readonly paused?: number
}

function lines({ committed = 0, failed = 0, unsettled = 0, oldest = 0, paused = 0 }: State): string[] {
  const table = 'table="t",database="d"'
  return [
    'batchflow_executor_concurrency{database="d"} 4',
    `batchflow_executor_paused{database="d"} ${paused}`,
    `batchflow_records_total{${table},status="success"} ${committed}`,
    `batchflow_records_total{${table},status="fail"} ${failed}`,
    `batchflow_unsettled_records{${table}} ${unsettled}`,
    `batchflow_oldest_record_age_seconds{${table}} ${oldest}`,
  ]
}

function health(states: Readonly<Record<number, State>>) {
  const pages: Pages = Object.fromEntries(Object.entries(states).map(([second, state]) => [second, lines(state)]))
  return healthOf(vitalsOf(historyOf(pages)))
}

test('nothing yet, idle, writing', () => {
  assert.is(healthOf(vitalsOf(historyOf({ 0: [] }))), 'empty')
  assert.is(health({ 0: {}, 2: {} }), 'idle')
  assert.is(health({ 0: { committed: 1 }, 2: { committed: 2 } }), 'writing')
  assert.is(health({ 0: { committed: 1 }, 2: { committed: 1, unsettled: 5 } }), 'writing')
  assert.is(health({ 0: { committed: 1 }, 2: { committed: 2 }, 14: { committed: 2 } }), 'idle')
})

test('failing: rows were given up within the last minute', () => {
  assert.is(health({ 0: { failed: 3 }, 2: { failed: 3 } }), 'idle', 'before anybody looked')
  assert.is(health({ 0: {}, 2: { failed: 1 }, 60: { failed: 1 } }), 'failing')
  assert.is(health({ 0: {}, 2: { failed: 1 }, 62: { failed: 1 } }), 'idle')
})

test('stalled: a row is older than 30 s, and for 30 s none of its table was settled', () => {
  assert.is(health({ 0: { unsettled: 1, oldest: 40 }, 28: { unsettled: 1, oldest: 68 } }), 'writing', 'not known yet')
  assert.is(health({ 0: { unsettled: 1, oldest: 10 }, 30: { unsettled: 1, oldest: 40 } }), 'stalled')
  assert.is(health({ 0: {}, 30: { unsettled: 1, oldest: 40, committed: 1 } }), 'writing')
  assert.is(health({ 0: { unsettled: 1 }, 30: { unsettled: 1, oldest: 30 } }), 'writing')
})

test('a database that takes no batch comes before all else', () => {
  assert.is(health({ 0: {}, 30: { paused: 1, unsettled: 1, oldest: 40, failed: 2 } }), 'waiting')
})

test('shares and levels are those of the dashboards', () => {
  const counters = (success: number, fail: number, retries: number) => [
    `batchflow_batches_total{status="success"} ${success}`,
    `batchflow_batches_total{status="fail"} ${fail}`,
    `batchflow_errors_total{type="retry:deadlock"} ${retries}`,
    `batchflow_errors_total{type="final:constraint"} ${fail}`,
  ]
  const { succeeded, retried, p99, oldest } = vitalsOf(historyOf({ 0: counters(0, 0, 0), 2: counters(99, 1, 25) }))
  assert.equal([succeeded, retried, p99, oldest], [0.99, 0.2, undefined, undefined])
  assert.equal([1, 0.9985, 0.9].map(LEVELS.succeeded), ['good', 'warn', 'bad'])
  assert.equal([0, 10, 30].map(LEVELS.oldest), ['good', 'warn', 'bad'])
  assert.equal([0.5, 1.024, 2.048].map(LEVELS.p99), ['good', 'warn', 'bad'])
})

test.run()
