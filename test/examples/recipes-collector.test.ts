/** What the Collector of this repository does, and Prometheus itself does not. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import {
  AggregationTemporality,
  AggregationType,
  InstrumentType,
  MeterProvider,
  type MeterProviderOptions,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fileOf as dashboardFile } from '../../grafana/generate.ts'
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { OtelMetricsReporter } from '../../src/telemetry/metrics/otel-reporter.ts'
import { type Daemon, freePorts, startDaemon } from '../monitoring/daemon.ts'
import { filled } from '../monitoring/queries.ts'
import { findTools } from '../monitoring/tools.ts'
import { ROOT } from '../support/compose.ts'
import { samplesOf } from '../support/prometheus/exposition.ts'
import { until } from '../support/prometheus/prometheus.ts'
import { diagnosticsOf, flowProbe } from '../support/telemetry/otel-metrics.ts'

const test = suite('recipes through the Collector')
const folder = mkdtempSync(join(tmpdir(), 'batchflow-recipes-'))
const daemons: Daemon[] = []
test.after(async () => {
  for (const daemon of daemons) await daemon.stop()
  rmSync(folder, { recursive: true, force: true })
})

const [grpc = 0, http = 0, metrics = 0, health = 0, web = 0] = await freePorts(5)
const COLLECTOR = `http://127.0.0.1:${http}/v1/metrics`
const PROMETHEUS = `http://127.0.0.1:${web}`

interface Sender {
  /** Reports a batch of so many rows that took so many seconds, and sends everything. */
  report(rows: number, seconds: number): Promise<void>
  stop(): Promise<void>
}

function sender(url: string, table: string, delta: boolean, views: MeterProviderOptions['views'] = []): Sender {
  const { DELTA, CUMULATIVE } = AggregationTemporality
  const exporter = new OTLPMetricExporter({ url, temporalityPreference: delta ? DELTA : CUMULATIVE })
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({ views, readers: [reader] })
  const flow = new OtelMetricsReporter({ meterProvider: provider }).open(flowProbe())
  const recorder = flow!.table(table)
  return {
    async report(rows, seconds) {
      recorder.countRecords('success', rows)
      recorder.observeExecuteDuration(seconds, 'success')
      await provider.forceFlush()
    },
    stop: () => provider.shutdown(),
  }
}

async function samples(table: string) {
  const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
  return samplesOf(page).filter(({ labels }) => labels.includes(`table="${table}"`))
}

const tools = findTools()
if (tools === undefined) test.skip('what is done with a real Collector and Prometheus', () => {})
else {
  test.before(async () => {
    const config = join(folder, 'prometheus.yml')
    writeFileSync(
      config,
      JSON.stringify({
        scrape_configs: [
          {
            job_name: 'collector',
            scrape_interval: '200ms',
            scrape_timeout: '200ms',
            scrape_native_histograms: true,
            static_configs: [{ targets: [`127.0.0.1:${metrics}`] }],
          },
        ],
      }),
    )
    const env = {
      OTLP_GRPC: `127.0.0.1:${grpc}`,
      OTLP_HTTP: `127.0.0.1:${http}`,
      METRICS: `127.0.0.1:${metrics}`,
      HEALTH: `127.0.0.1:${health}`,
    }
    const collector = ['--config', join(ROOT, 'collector/collector.yaml')]
    daemons.push(await startDaemon(tools.otelcol, collector, `http://127.0.0.1:${health}/`, env))
    const prometheus = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`]
    prometheus.push(`--web.listen-address=127.0.0.1:${web}`, '--web.enable-otlp-receiver')
    daemons.push(await startDaemon(tools.prometheus, prometheus, `${PROMETHEUS}/-/ready`))
  })

  test('what is sent as deltas is summed up by the Collector', async () => {
    const delta = sender(COLLECTOR, 'deltas', true)
    const rows = async () =>
      (await samples('deltas')).find(
        ({ name, labels }) => name === 'batchflow_records_total' && labels.includes('status="success"'),
      )?.value
    await delta.report(2, 0.25)
    await until('the first is there', async () => (await rows()) === '2')
    await delta.report(3, 0.25)
    await until('the second is added', async () => (await rows()) === '5')
    const count = (await samples('deltas')).find(({ name }) => name === 'batchflow_execute_duration_seconds_count')
    assert.is(count?.value, '2')
    await delta.stop()
  })

  const query = async (promql: string) => {
    const response = await fetch(`${PROMETHEUS}/api/v1/query?${new URLSearchParams({ query: promql })}`)
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } }
    return data.result.map(({ value: [, value] }) => Number(value))
  }

  test('Prometheus itself refuses deltas, and takes the same rows as cumulative counts', async () => {
    const delta = sender(`${PROMETHEUS}/api/v1/otlp/v1/metrics`, 'refused', true)
    const heard = await diagnosticsOf(() => delta.report(2, 0.25))
    assert.is(heard.length, 1)
    assert.match(heard[0]!, 'metrics export failed')
    const cumulative = sender(`${PROMETHEUS}/api/v1/otlp/v1/metrics`, 'taken', false)
    await cumulative.report(2, 0.25)
    const rows = (table: string) => query(`batchflow_records_total{table="${table}",status="success"}`)
    assert.equal(await until('the rows are there', async () => (await rows('taken')).length > 0 && rows('taken')), [2])
    assert.equal(await rows('refused'), [])
    await cumulative.stop()
    await diagnosticsOf(() => delta.stop())
  })

  test('exponential histograms keep their buckets for who scrapes native ones, and only sum and count in text', async () => {
    const aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const
    const views = [{ instrumentName: METRICS.executeDuration.name, aggregation }]
    const exponential = sender(COLLECTOR, 'exponential', false, views)
    for (const seconds of [0.25, 0.26, 3]) await exponential.report(1, seconds)
    const name = 'batchflow_execute_duration_seconds'
    const inText = await until('the Collector has them', async () => {
      const found = (await samples('exponential')).filter((sample) => sample.name.startsWith(name))
      return found.at(-1)?.value === '3' && found
    })
    const shown = inText.map(
      ({ name, labels }) => `${name} ${labels.filter((label) => label.startsWith('le=')).join()}`,
    )
    assert.equal(shown, [`${name}_bucket le="+Inf"`, `${name}_sum `, `${name}_count `])
    const native = `${name}{table="exponential"}`
    const count = () => query(`histogram_count(${native})`)
    await until('Prometheus has them', async () => (await count())[0] === 3)
    const [median = 0] = await query(`histogram_quantile(0.5, ${native})`)
    assert.ok(median > 0.24 && median < 0.27, `${median}`)
    await exponential.stop()
  })

  /** What the native dashboard's panel of that title asks, of one table, at once. */
  const asked = (title: string, table: string) => {
    const path = fileURLToPath(dashboardFile('en', 'native'))
    const { panels } = JSON.parse(readFileSync(path, 'utf8')) as { panels: readonly Panel[] }
    const { targets = [] } = panels.find((panel) => panel.title === title) ?? {}
    return targets.map(({ expr }) => filled(expr, { $table: table, $job: '.*' }))
  }

  for (const [route, url] of [
    ['the Collector', COLLECTOR],
    ['the OTLP receiver', `${PROMETHEUS}/api/v1/otlp/v1/metrics`],
  ] as const) {
    test(`panels and rules of native histograms have data, by way of ${route}`, async () => {
      const aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const
      const table = `native_${route.split(' ')[1]}`
      const one = sender(url, table, false, [{ instrumentType: InstrumentType.HISTOGRAM, aggregation }])
      // So often that a rate sees it grow: a tenth of the batches takes three seconds, the others a quarter of one.
      const report = async () => {
        for (let i = 0; i < 10; i++) await one.report(1, i === 0 ? 3 : 0.25)
      }
      const p99 = async () => (await query(asked('Execute P99', table)[0] ?? ''))[0] ?? Number.NaN
      const near = (value: number, wanted: number) => value > wanted * 0.9 && value < wanted * 1.1
      await until('the P99 is what the slowest batches took', async () => {
        await report()
        return near(await p99(), 3)
      })
      const [median = 0, , p99OfPanel = 0] = (await Promise.all(asked('Execute duration', table).map(query))).flat()
      assert.ok(near(median, 0.25), `median ${median}`)
      assert.ok(near(p99OfPanel, 3), `P99 ${p99OfPanel}`)
      await one.stop()
    })
  }
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

test.run()
