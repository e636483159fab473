import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpanView, TraceLine, TracePage } from '../../../examples/demo/trace-pages.ts'
import { startDemo } from '../../support/programs/demo.ts'
import { samplesOf } from '../../support/prometheus/exposition.ts'
import { OtlpReceiver } from '../../support/telemetry/otlp-receiver.ts'

const traces = suite('demo traces')

const LOAD = ['--rows', '20000', '--to', 'sqlite::memory:']

async function get<T>(url: string, status = 200): Promise<T> {
  const response = await fetch(url)
  assert.is(response.status, status, url)
  return (await response.json()) as T
}

/** Trace ids by the table whose buckets name them. */
async function exemplars(metrics: string, table: string): Promise<string[]> {
  const page = await (await fetch(metrics, { headers: { accept: 'application/openmetrics-text' } })).text()
  return samplesOf(page)
    .filter(({ labels }) => labels.includes(`table="${table}"`))
    .flatMap(({ exemplar }) => /trace_id="(\w+)"/.exec(exemplar?.[0] ?? '')?.[1] ?? [])
}

function only(spans: readonly SpanView[], start: string): SpanView {
  const [span, ...others] = spans.filter(({ name }) => name.startsWith(start))
  if (span === undefined || others.length > 0)
    throw new Error(`not one ${start} among ${spans.map(({ name }) => name)}`)
  return span
}

traces('an exemplar leads to the trace of its batch, from there to a request, and back', async () => {
  const demo = startDemo(LOAD)
  try {
    const [, metrics, list] = await demo.says(/serving (\S+) and (\S+) until/)
    const [traceId, ...others] = await exemplars(metrics!, 'flights')
    assert.ok(traceId, 'no bucket has an exemplar')
    const { spans } = await get<TracePage>(`${list}/${traceId}`)
    const batch = only(spans, 'batchflow.batch flights')
    assert.is(batch.parentSpanId, undefined)
    assert.equal([batch.attributes['batchflow.batch.rows'], batch.attributes['db.system.name']], [2_000, 'sqlite'])
    const attempt = only(spans, 'INSERT flights')
    assert.equal([attempt.parentSpanId, attempt.kind, attempt.links], [batch.spanId, 'CLIENT', []])
    assert.ok(batch.links.length >= 20, 'a request brings 100 flights')
    const link = batch.links.find(({ url }) => url !== undefined)
    assert.ok(link?.url, 'the batch of a trace that is kept has a request that is kept')
    const request = await get<TracePage>(link.url)
    assert.is(only(request.spans, 'receive flights').spanId, link.spanId)
    const back = request.linkedFrom.map(({ url }) => url)
    assert.ok(back.includes(`${list}/${traceId}`), `${back}`)
    for (const other of others) await get(`${list}/${other}`)
  } finally {
    demo.child.kill('SIGTERM')
    assert.is((await demo.ended).code, 0)
  }
})

traces('the list names the rehearsal, whose trace shows what failed; unknown pages are 404', async () => {
  const demo = startDemo(LOAD)
  try {
    const [, metrics, list] = await demo.says(/serving (\S+) and (\S+) until/)
    const [newest, ...older] = await get<TraceLine[]>(list!)
    assert.is(newest?.name, 'rehearse errors')
    assert.ok(older.length > 5)
    const { spans } = await get<TracePage>(newest!.url)
    const [root, ...children] = spans
    assert.equal([root?.name, root?.parentSpanId], ['rehearse errors', undefined])
    const failed = children.filter(({ status }) => status === 'ERROR').map(({ attributes }) => attributes['error.type'])
    assert.ok(failed.length >= 2, 'a batch and an attempt')
    assert.equal([...new Set(failed)], ['constraint'])
    await get(`${list}/${'0'.repeat(32)}`, 404)
    await get(`${list}/nonsense`, 404)
    const page = await fetch(metrics!.replace('/metrics', '/'))
    assert.match(await page.text(), `"traceUrl":"${list}/{traceId}"`)
  } finally {
    demo.child.kill('SIGTERM')
    await demo.ended
  }
})

traces('with an OTLP endpoint the spans go there, to the last one', async () => {
  const receiver = await OtlpReceiver.open()
  try {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'flights' }
    const { code, stderr } = await startDemo([...LOAD, '--exit'], env).ended
    assert.is(code, 0, stderr)
    const batch = receiver.named('batchflow.batch flights')[0]
    assert.is(receiver.childrenOf(batch!)[0]?.name, 'INSERT flights')
    const requests = new Set(receiver.named('receive flights').map(({ spanId }) => spanId))
    assert.ok(batch!.links.some(({ spanId }) => requests.has(spanId)))
    const rehearsal = receiver.only('rehearse errors')
    assert.is(rehearsal.resource['service.name'], 'flights')
    assert.ok(receiver.childrenOf(rehearsal).length > 0)
  } finally {
    await receiver.close()
  }
})

traces('with an OTLP endpoint there is no page of traces', async () => {
  const receiver = await OtlpReceiver.open()
  const demo = startDemo(['--rows', '1000', '--to', 'sqlite::memory:'], { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url })
  try {
    const [, metrics] = await demo.says(/serving (\S+) until/)
    await get(metrics!.replace('/metrics', '/traces'), 404)
  } finally {
    demo.child.kill('SIGTERM')
    await demo.ended
    await receiver.close()
  }
})

traces.run()
