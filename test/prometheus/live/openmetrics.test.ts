import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PageReader } from '../../../src/prometheus/live/model/openmetrics.ts'

const test = suite('live page: OpenMetrics')

test('reads names, labels, values and exemplars of our series, and leaves out all else', () => {
  const page = [
    '# TYPE batchflow_records counter',
    String.raw`batchflow_records_total{table="a\"}\\b\n c, # {",status="fail"} 12`,
    'batchflow_inflight_batches 3',
    'batchflow_execute_duration_seconds_bucket{le="+Inf"} 7 # {trace_id="ab",span_id="cd"} 0.25 1700000000.5',
    'nodejs_eventloop_lag_seconds 0.1',
    'batchflow_nonsense{',
    '# EOF\n',
  ].join('\n')
  const samples = new PageReader().read(page)
  assert.equal(
    samples.map(({ series, value }) => [series.name, series.labels, value]),
    [
      ['batchflow_records_total', { table: 'a"}\\b\n c, # {', status: 'fail' }, 12],
      ['batchflow_inflight_batches', {}, 3],
      ['batchflow_execute_duration_seconds_bucket', { le: '+Inf' }, 7],
    ],
  )
  assert.equal(
    samples.map(({ exemplar }) => exemplar),
    [undefined, undefined, { labels: { trace_id: 'ab', span_id: 'cd' }, value: 0.25, at: 1_700_000_000_500 }],
  )
})

test('the same series is the same object on the next page, for as long as it is there', () => {
  const reader = new PageReader()
  const read = (value: number) => reader.read(`batchflow_records_total{table="t"} ${value}\n# EOF\n`)[0]!.series
  const first = read(1)
  assert.is(read(2), first)
  reader.read('# EOF\n')
  assert.is.not(read(3), first)
})

test('a page that was cut off is refused', () => {
  assert.throws(() => new PageReader().read('batchflow_records_total 1'), /no end/)
})

test.run()
