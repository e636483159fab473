import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationType, type MeterProvider } from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderPage } from '../../src/prometheus/page.ts'
import { exemplarStore } from '../../src/telemetry/metrics/exemplars.ts'
import { SCOPE } from '../../src/telemetry/scope.ts'
import { samplesOf, seriesOf } from '../support/prometheus/exposition.ts'
import { contextOf, everyKind, type PageRig, pageRig, SPAN_ID, TRACE_ID } from '../support/prometheus/metrics-page.ts'
import { diagnosticsOf } from '../support/telemetry/otel-metrics.ts'

const rigs: PageRig[] = []
const test = suite('metrics page')
test.after.each(async () => {
  for (const { exporter } of rigs.splice(0)) await exporter.shutdown()
})

function use(rig: PageRig): PageRig {
  rigs.push(rig)
  return rig
}

/** The page of an application's own metrics, without the resource. */
async function pageOf(record: (provider: MeterProvider) => void, format: 'text' | 'openmetrics' = 'openmetrics') {
  const { exporter, provider } = use(pageRig({ resource: resourceFromAttributes({}) }))
  record(provider)
  const page = await exporter.page(format)
  return page
    .split('\n')
    .filter((line) => !/\btarget(_info)?\b/.test(line))
    .join('\n')
}

const SCOPED = 'otel_scope_name="app"'

test('OpenMetrics ends with # EOF and a line feed, has no blank line and no comment', async () => {
  const page = await use(everyKind()).exporter.page('openmetrics')
  assert.match(page, /\n# EOF\n$/)
  assert.is(page.indexOf('# EOF'), page.length - 6)
  for (const line of page.slice(0, -1).split('\n')) assert.match(line, /^(# (TYPE|UNIT|HELP) |\w+[{ ]|# EOF$)/)
})

test('the text format has neither end mark, units nor exemplars', async () => {
  const page = await use(everyKind()).exporter.page()
  for (const mark of ['# EOF', '# UNIT', ' # {']) assert.not.match(page, mark)
  assert.match(page, /[^\n]\n$/)
})

test('both formats have the same series with the same values', async () => {
  const { exporter } = use(everyKind())
  const series = seriesOf(await exporter.page('openmetrics'))
  assert.ok(series.length > 80)
  assert.equal(series, seriesOf(await exporter.page('text')))
})

test('every label set of a family is there once', async () => {
  const names = seriesOf(await use(everyKind()).exporter.page()).map((series) => series.replace(/ \S+$/, ''))
  assert.is(new Set(names).size, names.length)
})

test('a family is declared once, before its samples, which stay together, whatever their scopes', async () => {
  const page = await pageOf((provider) => {
    for (const scope of ['b', 'a']) {
      const meter = provider.getMeter(scope)
      meter.createCounter('jobs', { description: `of ${scope}` }).add(1)
      meter.createGauge(`only.${scope}`).record(1)
    }
  })
  assert.is(
    page,
    `# TYPE jobs counter
# HELP jobs of a
jobs_total{otel_scope_name="a"} 1
jobs_total{otel_scope_name="b"} 1
# TYPE only_a gauge
only_a{otel_scope_name="a"} 1
# TYPE only_b gauge
only_b{otel_scope_name="b"} 1
# EOF
`,
  )
})

test('scopes come by name and then by version, none first', async () => {
  const scopes = ['a', 'a 2', 'a 1', 'a 3', 'b 1', 'b']
  const page = await pageOf((provider) => {
    for (const scope of scopes) {
      const [name, version] = scope.split(' ')
      provider.getMeter(name!, version).createCounter('jobs').add(1)
    }
  })
  const found = [...page.matchAll(/otel_scope_name="(\w)"(?:,otel_scope_version="(\d)")?/g)]
  assert.equal(
    found.map(([, name, version]) => (version === undefined ? name : `${name} ${version}`)),
    scopes.toSorted(),
  )
})

test('a counter is declared without _total in OpenMetrics, with it in the text format', async () => {
  const record = (provider: MeterProvider) => {
    provider.getMeter('app').createCounter('jobs', { description: 'Jobs' }).add(1)
    provider.getMeter('app').createCounter('runs_total').add(2)
    provider.getMeter('app').createCounter('a_total_b').add(3)
  }
  assert.is(
    await pageOf(record),
    `# TYPE jobs counter\n# HELP jobs Jobs\njobs_total{${SCOPED}} 1\n# TYPE runs counter\nruns_total{${SCOPED}} 2\n# TYPE a_total_b counter\na_total_b_total{${SCOPED}} 3\n# EOF\n`,
  )
  assert.is(
    await pageOf(record, 'text'),
    `# TYPE jobs_total counter\n# HELP jobs_total Jobs\njobs_total{${SCOPED}} 1\n# TYPE runs_total counter\nruns_total{${SCOPED}} 2\n# TYPE a_total_b_total counter\na_total_b_total{${SCOPED}} 3\n`,
  )
})

test('a unit is declared only where the name ends with it', async () => {
  const page = await pageOf((provider) => {
    const meter = provider.getMeter('app')
    meter.createGauge('wait_seconds', { unit: 's' }).record(1)
    meter.createGauge('wait', { unit: 's' }).record(1)
    meter.createGauge('bus', { unit: 's' }).record(1)
    meter.createGauge('milliseconds', { unit: 's' }).record(1)
    meter.createCounter('cpu_seconds_total', { unit: 's' }).add(1)
    meter.createGauge('heap.bytes', { unit: 'By' }).record(1)
    meter.createGauge('pause_milliseconds', { unit: 'ms' }).record(1)
    meter.createGauge('load_percent', { unit: '%' }).record(1)
    meter.createGauge('length_rows', { unit: 'rows' }).record(1)
    meter.createGauge('length', { unit: '{row}' }).record(1)
    meter.createGauge('plain_').record(1)
  })
  assert.equal(page.match(/^# UNIT .*$/gm), [
    '# UNIT wait_seconds seconds',
    '# UNIT cpu_seconds seconds',
    '# UNIT heap_bytes bytes',
    '# UNIT pause_milliseconds milliseconds',
    '# UNIT load_percent percent',
    '# UNIT length_rows rows',
  ])
})

test('the resource is an info in OpenMetrics and a gauge in the text format', async () => {
  const { exporter } = use(pageRig({ resource: resourceFromAttributes({ 'service.name': 'shop' }) }))
  assert.is(
    await exporter.page('openmetrics'),
    '# TYPE target info\n# HELP target Target metadata\ntarget_info{service_name="shop"} 1\n# EOF\n',
  )
  assert.is(
    await exporter.page(),
    '# TYPE target_info gauge\n# HELP target_info Target metadata\ntarget_info{service_name="shop"} 1\n',
  )
})

test('what may fall is a gauge', async () => {
  const page = await pageOf((provider) => {
    const meter = provider.getMeter('app', '2')
    meter.createUpDownCounter('level').add(-3)
    meter.createObservableUpDownCounter('observed').addCallback((result) => result.observe(-4))
    meter.createGauge('heat').record(Number.NEGATIVE_INFINITY)
  })
  const scoped = 'otel_scope_name="app",otel_scope_version="2"'
  const line = (name: string, value: string) => `# TYPE ${name} gauge\n${name}{${scoped}} ${value}\n`
  assert.is(page, `${line('level', '-3')}${line('observed', '-4')}${line('heat', '-Inf')}# EOF\n`)
})

test('a histogram has cumulative buckets up to +Inf, sum and count', async () => {
  const page = await pageOf((provider) => {
    const advice = { explicitBucketBoundaries: [1, 2.5] }
    const histogram = provider.getMeter('app').createHistogram('sizes', { advice })
    for (const value of [1, 2, 2.5, 3]) histogram.record(value, { le: 'mine' })
  })
  const labels = `exported_le="mine",${SCOPED}`
  assert.is(
    page,
    `# TYPE sizes histogram
sizes_bucket{${labels},le="1.0"} 1
sizes_bucket{${labels},le="2.5"} 3
sizes_bucket{${labels},le="+Inf"} 4
sizes_sum{${labels}} 8.5
sizes_count{${labels}} 4
# EOF
`,
  )
})

test('with a negative bound there is no sum, which might fall', async () => {
  const page = await pageOf((provider) => {
    const advice = { explicitBucketBoundaries: [-1, 0] }
    provider.getMeter('app').createHistogram('drift', { advice }).record(0)
  })
  assert.not.match(page, 'drift_sum')
  assert.match(page, `drift_bucket{${SCOPED},le="-1.0"} 0\n`)
})

test('of an exponential histogram count and sum are left', async () => {
  const view = { instrumentName: 'sizes', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const }
  const { exporter, provider } = use(pageRig({ views: [view] }))
  for (const value of [1, 40]) provider.getMeter('app').createHistogram('sizes').record(value)
  const page = await exporter.page('openmetrics')
  const samples = `sizes_bucket{${SCOPED},le="+Inf"} 2\nsizes_sum{${SCOPED}} 41\nsizes_count{${SCOPED}} 2\n`
  assert.match(page, `# TYPE sizes histogram\n${samples}# EOF`)
})

test('a histogram of what may fall has no sum', async () => {
  const type = AggregationType
  for (const aggregation of [{ type: type.EXPLICIT_BUCKET_HISTOGRAM }, { type: type.EXPONENTIAL_HISTOGRAM }] as const) {
    const views = [{ instrumentName: 'level', aggregation }]
    const { exporter, provider } = use(pageRig({ views }))
    provider.getMeter('app').createUpDownCounter('level').add(1)
    const page = await exporter.page()
    assert.match(page, `level_count{${SCOPED}} 1\n`)
    assert.not.match(page, 'level_sum')
  }
})

async function complaintsOf(record: (provider: MeterProvider) => void): Promise<[page: string, heard: string[]]> {
  let page = ''
  const heard = await diagnosticsOf(async () => {
    page = await pageOf(record)
  })
  return [page, heard]
}

/** With a counter `jobs`, a histogram `time` and the resource. */
const CLASHING = [
  'time',
  'time_bucket',
  'time_count',
  'time_sum',
  'time_created',
  'jobs_created',
  'target',
  'target_info',
]

test('names that clash cost the later metric, and nothing else', async () => {
  const [page, heard] = await complaintsOf((provider) => {
    const [first, second] = [provider.getMeter('a'), provider.getMeter('b')]
    first.createCounter('jobs').add(1)
    first.createHistogram('time').record(1)
    first.createGauge('runs_total').record(1)
    second.createCounter('jobs').add(2)
    const third = provider.getMeter('c')
    third.createUpDownCounter('jobs').add(5)
    for (const name of CLASHING) third.createGauge(name).record(5)
    third.createCounter('runs').add(5)
  })
  assert.equal(
    heard.map((line) => /the (\w+ "\w+") is left out/.exec(line)?.[1]),
    ['gauge "jobs"', ...CLASHING.map((name) => `gauge "${name}"`), 'counter "runs"'],
  )
  assert.not.match(page, ' 5\n')
  assert.match(page, 'jobs_total{otel_scope_name="b"} 2\n')
})

test('of two series with the same labels the first is kept', async () => {
  const page = await pageOf((provider) => {
    const counter = provider.getMeter('app').createCounter('jobs')
    counter.add(1, { 'a.b': 'x' })
    counter.add(2, { a_b: 'x' })
  })
  assert.is(page, `# TYPE jobs counter\njobs_total{a_b="x",${SCOPED}} 1\n# EOF\n`)
})

test('a metric without a letter in its name is left out', async () => {
  const views = [{ instrumentName: 'jobs', name: '…' }]
  const { exporter, provider } = use(pageRig({ views, resource: resourceFromAttributes({}) }))
  provider.getMeter('app').createCounter('jobs').add(1)
  let page = ''
  const heard = await diagnosticsOf(async () => {
    page = await exporter.page()
  })
  assert.equal(heard, ['warn: batchflow-otel: no name for Prometheus can be made of "…"'])
  assert.not.match(page, 'TYPE …')
})

test('values and labels are those of the exporter of OpenTelemetry', async () => {
  const { exporter, provider, table } = use(pageRig())
  const users = table('users', 'signup')
  users.observeExecuteDuration(0.25, 'success')
  users.observeBatchSize(3)
  users.countError('final', 'deadlock')
  const meter = provider.getMeter('app', '1', { schemaUrl: 'https://example.org/1' })
  meter.createCounter('app.jobs').add(1, { 'a.b': 'x"y\\z\n', list: ['x'], n: 5 })
  meter.createUpDownCounter('app.level').add(-0.5)
  meter.createGauge('app.big').record(1e21)
  meter.createHistogram('app.time').record(7000)
  const { resourceMetrics } = await exporter.collect()
  const theirs = seriesOf(new PrometheusSerializer().serialize(resourceMetrics))
  const ours = seriesOf(await exporter.page()).map(withTheirBounds)
  assert.equal(ours.sort(), theirs)
})

/** They write integral bounds without `.0`. */
function withTheirBounds(series: string): string {
  return series.replace(/le="(\d+)\.0"/, 'le="$1"')
}

test('an exemplar has ids, the value in seconds and a timestamp in seconds, in its own bucket only', async () => {
  const before = Date.now() / 1000
  const { exporter } = use(everyKind())
  const samples = samplesOf(await exporter.page('openmetrics'))
  const carriers = samples.filter(({ exemplar }) => exemplar !== undefined)
  assert.equal(
    carriers.map(({ name, labels }) => [name, labels.find((label) => label.startsWith('le='))]),
    [
      ['batchflow_execute_duration_seconds_bucket', 'le="0.256"'],
      ['batchflow_execute_duration_seconds_bucket', 'le="+Inf"'],
    ],
  )
  for (const [index, { exemplar }] of carriers.entries()) {
    const [labels, value, seconds] = exemplar!
    assert.is(labels, `{trace_id="${TRACE_ID}",span_id="${SPAN_ID}"}`)
    assert.is(value, [0.25, 100][index])
    assert.ok(seconds >= before && seconds <= Date.now() / 1000, String(seconds))
  }
})

test('what is noted while the page is written does not displace what was collected', async () => {
  const { exporter } = use(everyKind())
  const { resourceMetrics } = await exporter.collect()
  const noted = [...exemplarStore().noted()]
  const collected = {
    resource: resourceMetrics.resource,
    get scopeMetrics() {
      for (const { latest } of noted) (latest as unknown[]).length = 0
      return resourceMetrics.scopeMetrics
    },
  }
  const page = await renderPage(collected, 'openmetrics', noted, () => {})
  assert.is(samplesOf(String(page)).filter(({ exemplar }) => exemplar !== undefined).length, 2)
})

test('the labels of an exemplar stay within 128 characters', async () => {
  const { exporter } = use(everyKind())
  const [carrier] = samplesOf(await exporter.page('openmetrics')).filter(({ exemplar }) => exemplar !== undefined)
  const characters = carrier!.exemplar![0].replace(/[{}=,"]/g, '')
  assert.is(characters.length, 63)
})

test('only the execute duration carries exemplars, under its own name', async () => {
  const ours = 'batchflow.execute.duration.seconds'
  const views = [{ instrumentName: ours, meterName: SCOPE.name, name: 'renamed.seconds' }]
  const { exporter, provider, table } = use(pageRig({ views }))
  const users = table('users')
  users.observeExecuteDuration(0.25, 'success', undefined, contextOf())
  users.observeProcessDuration(0.25, 'success')
  const theirs = provider.getMeter('app').createHistogram(ours)
  theirs.record(0.25, { table: 'users', database: 'postgres', status: 'success' })
  const page = await exporter.page('openmetrics')
  assert.match(page, 'renamed_seconds_bucket')
  assert.match(page, 'batchflow_execute_duration_seconds_bucket')
  assert.not.match(page, ' # {')
})

test.run()
