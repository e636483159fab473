import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NotableBatches, traceAddress } from '../../../src/prometheus/live/model/batches.ts'
import { historyOf } from '../../support/live-page/pages.ts'

const test = suite('live page: notable batches')

/** A bucket whose latest batch took `seconds` and ended at second `at`. */
function bucket(span: string, seconds: number, at: number, reason?: string): string {
  const outcome = reason === undefined ? 'status="success"' : `status="fail",error_type="${reason}"`
  const labels = `{table="t",database="d",${outcome},le="${seconds}"}`
  const exemplar = `{trace_id="trace-${span}",span_id="${span}"} ${seconds} ${at}`
  return `batchflow_execute_duration_seconds_bucket${labels} 1 # ${exemplar}`
}

test('keeps the latest that failed, and the slowest of ten minutes, newest first', () => {
  const batches = new NotableBatches()
  batches.look(historyOf({ 100: [bucket('a', 0.1, 99), bucket('b', 2, 98), bucket('c', 0.2, 97, 'constraint')] }))
  const seen = () => batches.list(100_000).map(({ spanId, reason }) => [spanId, reason])
  assert.equal(seen(), [['a', undefined], ['b', undefined], ['c', 'constraint']]) // biome-ignore format: one line
  const faster = Array.from({ length: 9 }, (_, i) => bucket(`s${i}`, 1 + i / 100, 100))
  batches.look(historyOf({ 101: faster }))
  const spans = batches.list(101_000).map(({ spanId }) => spanId)
  assert.equal(spans, ['s8', 's7', 's6', 's5', 's4', 'b', 'c'], 'the quick ones made room')
  assert.equal(
    batches.list(701_000).map(({ spanId }) => spanId),
    ['c'],
    'slow is news for ten minutes',
  )
})

test('an address has the ids where the application wants them', () => {
  const ids = { traceId: 'ab', spanId: 'cd' }
  assert.is(traceAddress('https://x/trace/{traceId}?uiFind={spanId}', ids), 'https://x/trace/ab?uiFind=cd')
})

test.run()
