import { AggregationTemporality } from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { consume } from '../../src/consume/consume.ts'
import { deletion } from '../../src/contract/deletion.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { HealthCheck } from '../../src/flow/health-check.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { OtelMetricsReporter } from '../../src/telemetry/metrics/otel-reporter.ts'
import { SOURCE_METRICS } from '../../src/telemetry/metrics/source-catalogue.ts'
import { OtelTracing } from '../../src/telemetry/tracing/otel-tracing.ts'
import { MemoryLog, MemorySource } from '../support/consume/memory-log.ts'
import { MemoryStore } from '../support/consume/memory-store.ts'
import { calm, event, events, idsOf, workerRig } from '../support/consume/rig.ts'
import { settled } from '../support/engine/clock.ts'
import { diagnosticsOf, MetricsUnderTest } from '../support/telemetry/otel-metrics.ts'
import { Traces } from '../support/telemetry/traces.ts'

const test = suite('a worker')

test('a source that cannot start makes no worker, and leaves nothing behind', async () => {
  const log = new MemoryLog()
  const source = new MemorySource(log)
  source.onStart = () => {
    throw new Error('no such stream')
  }
  const executor = createExecutor(new MemoryStore())
  const thrown = await consume(source, executor, { tables: [events], acks: 'broker' }).catch((error) => error)
  assert.is(thrown.message, 'no such stream')
  assert.is(source.stopped, 1)
})

test('close gives up when its time is over, whatever the source and the database do', async () => {
  const rig = await workerRig()
  const { log, source, store, worker, clock } = rig
  store.decide = () => new Promise(() => {})
  source.stop = () => new Promise(() => {})
  log.append('a', [event(1)])
  await source.own('a')
  await clock.advance(10)
  const closing = worker.close({ timeout: 100 })
  assert.is(worker.close(), closing)
  await clock.advance(100)
  await clock.advance(20_000)
  const summary = await closing
  assert.is(summary.abandoned, 1)
  assert.equal(source.acknowledgements, [])
  assert.is(clock.running, 0)
  await worker.close({ timeout: 0 })
  assert.is(clock.running, 0)
})

test('a second close brings the end nearer, as a second signal does', async () => {
  const rig = await workerRig()
  const { log, source, store, worker, clock } = rig
  store.decide = () => new Promise(() => {})
  log.append('a', [event(1)])
  await source.own('a')
  await clock.advance(10)
  const closing = worker.close()
  await settled()
  void worker.close({ timeout: 0 })
  await clock.advance(6000)
  assert.is((await closing).abandoned, 1)
})

test('what comes after close is not read', async () => {
  const rig = await workerRig({ mode: 'database' })
  await rig.worker[Symbol.asyncDispose]()
  assert.is(await rig.source.host.assigned('a'), '')
  await rig.source.host.deliver('a', [rig.log.append('a', [event(1)])])
  assert.is(rig.worker.stats().state, 'closed')
  assert.equal(rig.store.batches, [])
})

test('a worker is healthy as a flow is', async () => {
  const rig = await workerRig()
  const check = new HealthCheck(rig.worker, 1000, () => rig.clock.now())
  assert.is(check.look().ready, true)
  await rig.worker.close()
  assert.is(check.look().ready, false)
})

test('a log out of reach is told once, and again when it is back', async () => {
  const { source, troubles, worker } = await workerRig()
  source.host.trouble(new Error('refused'))
  source.host.trouble(new Error('refused'))
  source.host.trouble(undefined)
  source.host.trouble(undefined)
  assert.equal(
    troubles.map(({ kind, error }) => [kind, error?.message]),
    [
      ['source', 'refused'],
      ['source', undefined],
    ],
  )
  await worker.close()
})

test('without a handler diag is told, and a handler that throws harms nothing', async () => {
  const heard = await diagnosticsOf(async () => {
    const quiet = await workerRig({ onTrouble: undefined as never })
    quiet.source.host.trouble(new Error('refused'))
    await quiet.worker.close()
    const throwing = await workerRig({
      onTrouble: () => {
        throw new Error('oops')
      },
    })
    throwing.source.host.trouble(new Error('refused'))
    await throwing.worker.close()
  })
  assert.equal(heard, [
    'warn: batchflow-otel: memory log: source: it waits and tries again: refused',
    'error: batchflow-otel: onTrouble threw; further errors of it are not logged',
  ])
})

test('unknown tables: dropped as somebody else’s, or waited for', async () => {
  const dropping = await workerRig({ unknownTables: 'drop' })
  dropping.log.append('a', [{ table: 'others', row: { id: 1 } }, event(1)])
  dropping.log.append('a', [{ table: 'others', row: { id: 2 } }])
  await dropping.source.own('a')
  await calm(dropping)
  assert.equal(dropping.worker.stats().source.messages, { committed: 1, dead_lettered: 0, dropped: 1 })
  await dropping.worker.close()

  for (const mode of ['broker', 'database'] as const) {
    const pausing = await workerRig({ mode, unknownTables: 'pause' })
    pausing.log.append('a', [event(1)])
    pausing.log.append('a', [{ table: 'others', row: { id: 2 } }])
    pausing.log.append('a', [event(3)])
    await pausing.source.own('a')
    await calm(pausing)
    assert.equal(idsOf(pausing.store.appended.get('events')), [1])
    assert.equal(
      pausing.troubles.map(({ kind, partition, table }) => [kind, partition, table]),
      [['unknown-table', 'a', 'others']],
    )
    assert.is(pausing.log.acknowledged.get('a'), 1)
    await pausing.worker.close()
    assert.is(pausing.clock.running, 0)
  }
})

test('a handler of one’s own takes the dead letters', async () => {
  const letters: unknown[] = []
  const rig = await workerRig({
    deadLetter: async (partition, { position }, { reason, message }) => {
      letters.push([partition, position, reason, message])
    },
  })
  rig.log.append('a', 'no JSON')
  await rig.source.own('a')
  await calm(rig)
  assert.equal(letters, [['a', '1', 'decode', 'the message could not be read: SyntaxError']])
  assert.equal(rig.log.letters, [])
  await rig.worker.close()
})

test('a handler that never settles is told of and called again; no position passes it, and close ends in time', async () => {
  for (const mode of ['broker', 'database'] as const) {
    const signals: AbortSignal[] = []
    const rig = await workerRig({
      mode,
      deadLetter: (_, __, ___, { signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      },
    })
    const { log, source, store, worker, clock, troubles } = rig
    log.append('a', 'no JSON')
    log.append('a', [event(1)])
    await source.own('a')
    await clock.advance(29_999)
    assert.equal([signals.length, troubles.length], [1, 0])
    await clock.advance(1)
    assert.is(signals[0]!.aborted, true)
    assert.equal(
      troubles.map(({ kind, partition, error }) => [kind, partition, error?.message]),
      [
        [
          'dead-letter',
          'a',
          'putting the message at position "1" aside took longer than 30000 ms (deadLetter); it is called again',
        ],
      ],
    )
    await calm(rig, 2)
    assert.is(signals.length, 2)
    assert.equal(source.acknowledgements, [])
    for (const position of store.positions.values()) assert.is(position, '')
    const closing = worker.close({ timeout: 100 })
    await clock.advance(100)
    await settled()
    await closing
    assert.is(signals[1]!.aborted, true)
    assert.is(clock.running, 0)
  }
})

test('a message that its workers die of goes the way of all dead letters, and is counted', async () => {
  const letters: unknown[] = []
  const rig = await workerRig({
    deadLetter: async (partition, { position }, { reason }) => {
      if (letters.push([partition, position, reason]) === 1) throw new Error('away')
    },
  })
  const { log, source, worker, troubles } = rig
  const message = log.append('b', 'a bomb')
  await source.own('a')
  const why = { reason: 'max_deliveries', message: 'three times' }
  assert.is(await source.host.poisoned('b', message, why), false)
  assert.equal(letters, [])
  const aside = source.host.poisoned('a', message, why)
  await calm(rig, 1)
  assert.is(await aside, true)
  assert.equal(letters, [
    ['a', '1', 'max_deliveries'],
    ['a', '1', 'max_deliveries'],
  ])
  assert.equal(
    troubles.map(({ kind, error }) => [kind, error?.message]),
    [
      ['dead-letter', 'away'],
      ['dead-letter', undefined],
    ],
  )
  assert.is(worker.stats().source.messages.dead_lettered, 1)
  await worker.close()
})

test('a decoder that is asynchronous is told of, and nothing is put aside or passed for it', async () => {
  const late = [async () => Promise.reject(new Error('late')), async function* () {}]
  for (const decode of late) {
    for (const mode of ['broker', 'database'] as const) {
      const rig = await workerRig({ mode, decode: decode as never })
      const { log, source, store, troubles } = rig
      for (let id = 1; id <= 3; id++) log.append('a', [event(id)])
      await source.own('a')
      await calm(rig)
      assert.equal(
        troubles.map(({ kind, partition }) => [kind, partition]),
        [['place', 'a']],
      )
      assert.instance(troubles[0]!.error, OptionError)
      assert.match(troubles[0]!.error!.message, /^consume: decode must return rows, received a promise/)
      assert.equal([log.letters, source.acknowledgements, store.batches], [[], [], []])
      for (const position of store.positions.values()) assert.is(position, '')
      await rig.worker.close()
      assert.is(rig.clock.running, 0)
    }
  }
})

test('metrics of a log: messages by outcome, what comes again, lag, partitions; and 0 when all is over', async () => {
  const sdk = new MetricsUnderTest(AggregationTemporality.CUMULATIVE)
  const reporter = new OtelMetricsReporter({ meterProvider: sdk.provider })
  const rig = await workerRig({ configure: (executor) => executor.withMetricsReporter(reporter) })
  const { log, source, store, worker } = rig
  log.append('a', [event(1)])
  log.append('a', 'no JSON')
  await source.own('a')
  await source.own('b')
  await calm(rig)
  let release = () => {}
  store.decide = () => new Promise((resolve) => (release = () => resolve('commit')))
  const message = log.append('a', [event(2)])
  await calm(rig)
  await source.host.deliver('a', [{ ...message, redelivered: 2 }])
  const common = { source: 'memory', database: 'memory' }
  const seen = async () => ({
    messages: await sdk.points(SOURCE_METRICS.sourceMessages.name),
    again: await sdk.points(SOURCE_METRICS.sourceRedelivered.name),
    lag: await sdk.points(SOURCE_METRICS.sourceLag.name),
    seconds: await sdk.points(SOURCE_METRICS.sourceLagSeconds.name),
    partitions: await sdk.points(SOURCE_METRICS.sourcePartitions.name),
  })
  assert.equal(await seen(), {
    messages: [
      [{ ...common, outcome: 'committed' }, 1],
      [{ ...common, outcome: 'dead_lettered' }, 1],
      [{ ...common, outcome: 'dropped' }, 0],
    ],
    again: [[common, 1]],
    lag: [
      [{ ...common, partition: 'a' }, 1],
      [{ ...common, partition: 'b' }, 0],
    ],
    seconds: [
      [{ ...common, partition: 'a' }, 1.5],
      [{ ...common, partition: 'b' }, 0],
    ],
    partitions: [[common, 2]],
  })
  release()
  await worker.close()
  const after = await seen()
  assert.equal(
    after.messages.map(([, value]) => value),
    [2, 1, 0],
  )
  assert.equal(
    [...after.lag, ...after.seconds, ...after.partitions].map(([, value]) => value),
    [0, 0, 0, 0, 0],
  )
})

test('past 60 partitions further ones are one', async () => {
  const sdk = new MetricsUnderTest()
  const reporter = new OtelMetricsReporter({ meterProvider: sdk.provider })
  const rig = await workerRig({ configure: (executor) => executor.withMetricsReporter(reporter) })
  for (let i = 0; i < 65; i++) {
    rig.log.append(`p${i}`, [event(i)])
    rig.store.decide = () => 'place'
    await rig.source.own(`p${i}`)
  }
  await calm(rig, 2)
  const points = await sdk.points(SOURCE_METRICS.sourceLag.name)
  assert.is(points.length, 61)
  assert.equal(points.at(-1), [{ source: 'memory', partition: '_other', database: 'memory' }, 5])
  await rig.worker.close()
})

test('a log that does not say how far it is behind is told of once', async () => {
  const rig = await workerRig({
    prepare: (source) => {
      source.onLag = () => {
        throw new Error('away')
      }
    },
  })
  await calm(rig)
  assert.equal(
    rig.troubles.map(({ kind }) => kind),
    ['lag'],
  )
  await rig.worker.close()
})

function traceparent(n: number): string {
  const hex = n.toString(16)
  return `00-${hex.padStart(32, '0')}-${hex.padStart(16, '0')}-01`
}

test('a span for the messages handed over, and a batch linked to the requests that published its rows', async () => {
  for (const mode of ['broker', 'database'] as const) {
    const traces = new Traces()
    const tracing = new OtelTracing({ tracerProvider: traces.provider })
    const rig = await workerRig({ mode, configure: (executor) => executor.withTracing(tracing) })
    const { log, source } = rig
    log.append('a', [event(1)], { traceparent: traceparent(1) })
    log.append('a', 'no JSON', { traceparent: traceparent(2) })
    log.append('a', [event(2)], { traceparent: traceparent(3) })
    log.append('a', [event(3)], { traceparent: 'nonsense' })
    await source.own('a')
    await calm(rig)
    const [process] = traces.named('process log')
    assert.is(process!.kind, 4)
    assert.equal(process!.attributes, {
      'messaging.system': 'memory',
      'messaging.destination.name': 'log',
      'messaging.destination.partition.id': 'a',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.batch.message_count': 4,
      'batchflow.source.dead_lettered': 1,
      'error.type': 'dead_letter',
    })
    const linked = (name: string) =>
      traces
        .named(name)
        .flatMap(({ links, parentSpanContext }) => [...links.map(({ context }) => context), parentSpanContext])
        .flatMap((context) => (context === undefined ? [] : [Number.parseInt(context.spanId, 16)]))
    assert.equal(linked('process log'), [1, 2, 3])
    assert.equal(linked('batchflow.batch'), [1, 3])
    await rig.worker.close()
  }
})

test('a span ends when its partition is somebody else’s, and says what was given back', async () => {
  const traces = new Traces()
  const tracing = new OtelTracing({ tracerProvider: traces.provider })
  const rig = await workerRig({ configure: (executor) => executor.withTracing(tracing) })
  rig.store.decide = () => new Promise(() => {})
  rig.log.append('a', [event(1)])
  await rig.source.own('a')
  await rig.source.revoke('a', true)
  const [process] = traces.named('process log')
  assert.is(process!.attributes['batchflow.source.given_back'], 1)
  void rig.worker.close({ timeout: 0 })
  await calm(rig)
})

test('without tracing no header is looked at', async () => {
  const rig = await workerRig()
  const headers = Object.defineProperty({}, 'traceparent', {
    get: () => assert.unreachable('somebody looked'),
  })
  rig.log.append('a', [event(1)], headers)
  await rig.source.own('a')
  await calm(rig)
  assert.is(rig.log.acknowledged.get('a'), 1)
  await rig.worker.close()
})

test('a deletion in a message is put aside where the table of this worker takes none', async () => {
  const rig = await workerRig({ decode: () => [event(1), { table: 'states', row: deletion({ id: 1 }) }] })
  const { log, source, worker } = rig
  log.append('a', [])
  await source.own('a')
  await calm(rig)
  const [{ why }] = log.letters as [(typeof log.letters)[0]]
  assert.is(why.table, 'states')
  assert.match(why.message, /takes no deletions/)
  assert.is(log.acknowledged.get('a'), 1)
  await worker.close()
})

test.run()
