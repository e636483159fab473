import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ScrapeReader } from '../../src/prometheus/scrape-reader.ts'
import { diagnosticsOf } from '../support/otel-metrics.ts'

function setUp(callbackTimeout?: number) {
  const reader = new ScrapeReader(callbackTimeout)
  const meter = new MeterProvider({ readers: [reader] }).getMeter('application')
  return { reader, meter }
}

test('counts are cumulative and the page ends with a line feed', async () => {
  const { reader, meter } = setUp()
  assert.match(await reader.page(), /\n$/)
  const counter = meter.createCounter('jobs')
  counter.add(1)
  await reader.page()
  counter.add(1)
  const page = await reader.page()
  assert.match(page, /jobs_total\{[^}]*\} 2\n$/)
})

test('a callback that never answers costs its own metric only', async () => {
  const { reader, meter } = setUp(1)
  meter.createCounter('jobs').add(1)
  meter.createObservableGauge('hanging').addCallback(() => new Promise(() => {}))
  let page = ''
  const heard = await diagnosticsOf(async () => {
    page = await reader.page()
  })
  assert.match(page, /jobs_total\{[^}]*\} 1\n/)
  assert.equal(heard, ['error: batchflow-otel: some metrics could not be collected'])
})

test('label values are escaped', async () => {
  const { reader, meter } = setUp()
  meter.createCounter('jobs').add(1, { table: 'a"b\\c\nd' })
  assert.match(await reader.page(), 'table="a\\"b\\\\c\\nd"')
})

test.run()
