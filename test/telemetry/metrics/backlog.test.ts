import { type Attributes, type Context, type Histogram, ROOT_CONTEXT } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Guard } from '../../../src/support/guard.ts'
import { Backlog } from '../../../src/telemetry/metrics/backlog.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import { flowProbe, MetricsUnderTest } from '../../support/telemetry/otel-metrics.ts'

const test = suite('values on their way into histograms')

type Recorded = readonly [value: number, attributes: Attributes | undefined, context: Context | undefined]

function recording(): { histogram: Histogram; recorded: Recorded[] } {
  const recorded: Recorded[] = []
  const histogram = { record: (...what: Recorded) => void recorded.push(what) } as unknown as Histogram
  return { histogram, recorded }
}

test('they are recorded in their order with what belongs to them, when they are many or somebody asks', () => {
  const backlog = new Backlog(new Guard('broken'))
  const { histogram, recorded } = recording()
  const [users, orders] = [{ table: 'users' }, { table: 'orders' }]
  for (let i = 0; i < 63; i++) backlog.note(histogram, i, i % 2 === 0 ? users : orders, ROOT_CONTEXT)
  assert.is(recorded.length, 0)
  backlog.note(histogram, 63, orders, ROOT_CONTEXT)
  assert.equal(
    recorded.map(([value]) => value),
    Array.from({ length: 64 }, (_, i) => i),
  )
  assert.ok(recorded.every(([value, attributes]) => attributes === (value % 2 === 0 ? users : orders)))
  assert.ok(recorded.every(([, , context]) => context === ROOT_CONTEXT))
  backlog.note(histogram, 64, users, ROOT_CONTEXT)
  backlog.drain()
  backlog.drain()
  assert.equal(recorded.at(-1), [64, users, ROOT_CONTEXT])
  assert.is(recorded.length, 65)
})

test('one that cannot be recorded takes no other with it', () => {
  const backlog = new Backlog(new Guard('broken'))
  const { histogram, recorded } = recording()
  const broken = {
    record: () => {
      throw new Error('no')
    },
  } as unknown as Histogram
  backlog.note(broken, 1, {}, ROOT_CONTEXT)
  backlog.note(histogram, 2, {}, ROOT_CONTEXT)
  backlog.drain()
  assert.equal(
    recorded.map(([value]) => value),
    [2],
  )
})

test('whoever collects sees all that was measured until then', async () => {
  const sdk = new MetricsUnderTest()
  const flow = new OtelMetricsReporter({ meterProvider: sdk.provider }).open(flowProbe())!
  const table = flow.table('users')
  const attributes = { table: 'users', database: 'postgres' }
  for (let rows = 1; rows <= 5; rows++) table.observeBatchSize(rows)
  assert.equal(await sdk.points('batchflow.batch.size'), [[attributes, [5, 15]]])
  for (let i = 0; i < 70; i++) table.observeBatchSize(1)
  assert.equal(await sdk.points('batchflow.batch.size'), [[attributes, [75, 85]]])
  flow.close()
})

test.run()
