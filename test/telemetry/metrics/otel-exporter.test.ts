import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../../../examples/shared/free-port.ts'
import { deletion } from '../../../src/contract/deletion.ts'
import { METRICS, OtelMetricsReporter, prometheusLabel, prometheusName } from '../../../src/telemetry/index.ts'
import { settled } from '../../support/engine/clock.ts'
import { rig } from '../../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../../support/engine/memory-driver.ts'
import { people, updated, user, users, versioned } from '../../support/engine/tables.ts'
import { samplesOf } from '../../support/prometheus/exposition.ts'

const test = suite("OpenTelemetry's own Prometheus exporter")

/** Brings about everything the contract counts. */
async function troubles(meterProvider: MeterProvider): Promise<void> {
  const reporter = new OtelMetricsReporter({ meterProvider, testName: 'contract' })
  const { flow, driver, clock } = rig(
    { flushSize: 1, bufferSize: 1, latencySampling: 1, deadLetter: () => {} },
    (executor) => executor.withMetricsReporter(reporter).withRetry({ maxAttempts: 2, backoffBase: 1 }),
    new MemoryDriver(),
  )
  driver.byteLength = 100
  await flow.submit(users, user(1))
  flow.trySubmit(users, user(2))
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  await clock.advance(1)
  driver.runs[1]!.fail(new MemoryError('constraint'))
  await settled()
  await flow.submit(users, user(3))
  driver.runs[2]!.fail(new MemoryError('read_only'))
  await clock.advance(1)
  driver.runs[3]!.succeed()
  const merging = rig({ bufferSize: 500 }, (executor) => executor.withMetricsReporter(reporter))
  for (const id of [1, 1]) await merging.flow.submit(updated, user(id))
  for (const version of [2, 1]) await merging.flow.submit(versioned, { ...user(1), version })
  await merging.flow.submit(people, deletion({ id: 1 }))
  const closed = merging.flow.close()
  for (const run of merging.driver.runs) run.succeed()
  await Promise.all([closed, flow.close()])
}

test('serves every series of the contract with its labels', async () => {
  const port = await freePort()
  const exporter = new PrometheusExporter({ port, host: '127.0.0.1' })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  await troubles(meterProvider)
  const page = await fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text())
  await meterProvider.shutdown()
  const samples = samplesOf(page)
  for (const spec of Object.values(METRICS)) {
    const name = prometheusName(spec) + (spec.kind === 'histogram' ? '_count' : '')
    const found = samples.filter((sample) => sample.name === name)
    assert.ok(found.length > 0, `${name} is on the page`)
    const labels = new Set(found.flatMap((sample) => sample.labels.map((label) => label.split('=', 1)[0])))
    for (const attribute of spec.attributes)
      assert.ok(labels.has(prometheusLabel(attribute)), `${name} has ${attribute}`)
  }
})

test.run()
