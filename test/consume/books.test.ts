import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Executor } from '../../src/executor/executor.ts'
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { OtelMetricsReporter } from '../../src/telemetry/metrics/otel-reporter.ts'
import { MemoryLog } from '../support/consume/memory-log.ts'
import type { Fate } from '../support/consume/memory-store.ts'
import { calm, event, type RigOptions, state, type WorkerRig, workerRig } from '../support/consume/rig.ts'
import { settled } from '../support/engine/clock.ts'
import { MetricsUnderTest } from '../support/telemetry/otel-metrics.ts'

const test = suite('the books of a worker')

const scope = (table: string) => JSON.stringify(['memory', 'log', 'a', table])

async function reported(options: RigOptions) {
  const sdk = new MetricsUnderTest()
  const reporter = new OtelMetricsReporter({ meterProvider: sdk.provider })
  const { configure = (executor: Executor) => executor } = options
  const rig = await workerRig({
    ...options,
    configure: (executor) => configure(executor.withMetricsReporter(reporter)),
  })
  return { ...rig, sdk }
}

interface Account {
  accepted: number
  committed: number
  failed: number
  unsettled: number
  superseded: number
  /** Errors of rows that were given up, by reason. */
  final: Record<string, number>
}

/** What one scrape says of all tables; @throws where it does not balance, or stats() says something else */
async function balanced({ worker, sdk }: WorkerRig & { sdk: MetricsUnderTest }): Promise<Account> {
  const { accepted, committed, failed, abandoned, unsettled, superseded, tables } = worker.stats()
  const metrics = await sdk.metrics()
  const account: Account = { accepted: 0, committed: 0, failed: 0, unsettled: 0, superseded: 0, final: {} }
  const each = (name: string, write: (value: number, labels: Record<string, unknown>) => void) => {
    for (const { attributes, value } of metrics.get(name)?.dataPoints ?? []) write(value as number, attributes)
  }
  each(METRICS.acceptedRecords.name, (value) => void (account.accepted += value))
  each(METRICS.unsettledRecords.name, (value) => void (account.unsettled += value))
  each(METRICS.supersededRecords.name, (value) => void (account.superseded += value))
  each(METRICS.records.name, (value, { status }) => {
    account[status === 'success' ? 'committed' : 'failed'] += value
  })
  each(METRICS.errors.name, (value, labels) => {
    if (String(labels['type']).startsWith('final:')) account.final[String(labels['error.type'])] = value
  })
  const shown = JSON.stringify({ account, tables })
  assert.is(account.accepted, account.committed + account.failed + account.unsettled, shown)
  assert.is(accepted, committed + failed + abandoned + unsettled, shown)
  assert.equal(
    { ...account, final: undefined },
    { accepted, committed, failed: failed + abandoned, unsettled, superseded, final: undefined },
    shown,
  )
  return account
}

const bad = (id: number) => ({ table: 'events', row: { id, bad: true } })

/** Moves time on in small steps, and looks at the books at each. */
async function watched(rig: WorkerRig & { sdk: MetricsUnderTest }, steps = 30): Promise<Account> {
  for (let i = 0; i < steps; i++) {
    await rig.clock.advance(i < 10 ? 1 : 700)
    await settled()
    await balanced(rig)
  }
  return balanced(rig)
}

test('halves are no failures: only the row that is put aside is one', async () => {
  const rig = await reported({ mode: 'database' })
  for (let id = 1; id <= 8; id++) rig.log.append('a', [id === 5 ? bad(id) : event(id)])
  await rig.source.own('a')
  const books = await watched(rig)
  assert.equal(books, { accepted: 8, committed: 7, failed: 1, unsettled: 0, superseded: 0, final: { constraint: 1 } })
  await rig.worker.close()
  assert.is(rig.worker.stats().abandoned, 0)
})

for (const mode of ['broker', 'database'] as const) {
  test(`${mode}: what the place refuses is unsettled until it is written, waits again or is in flight`, async () => {
    const rig = await reported({ mode, flushSize: 3 })
    let isClosed = true
    rig.store.decide = () => (isClosed ? 'place' : 'commit')
    rig.log.append('a', [event(1), event(2), state(1, 1), state(1, 2)])
    rig.log.append('a', [event(3), event(4), state(1, 3), state(2, 1)])
    await rig.source.own('a')
    const away = await watched(rig)
    const rows = mode === 'broker' ? 8 : 6 // a batch of each table, or all
    assert.equal(away, { accepted: rows, committed: 0, failed: 0, unsettled: rows, superseded: 0, final: {} })
    isClosed = false
    await calm(rig)
    const books = await balanced(rig)
    assert.equal(books, { ...away, accepted: 8, committed: 8, unsettled: 0 })
    assert.ok(rig.worker.stats().retried > 0)
    await rig.worker.close()
  })

  test(`${mode}: rows whose partition is given back, or lost, in the middle of trouble are given up once`, async () => {
    for (const lost of [true, false]) {
      const rig = await reported({ mode, flushSize: 3 })
      rig.store.decide = () => 'place'
      rig.log.append('a', [event(1), event(2), event(3), event(4), state(1, 3)])
      await rig.source.own('a')
      await watched(rig, 12)
      const revoked = rig.source.revoke('a', lost)
      await watched(rig)
      await revoked
      assert.equal(await balanced(rig), {
        accepted: mode === 'broker' ? 5 : 4,
        committed: 0,
        failed: mode === 'broker' ? 5 : 4,
        unsettled: 0,
        superseded: 0,
        final: {},
      })
      rig.store.decide = () => 'commit'
      await rig.source.own('a')
      await watched(rig)
      assert.is(rig.worker.stats().committed, 5)
      await rig.worker.close()
    }
  })

  test(`${mode}: rows that are under way when their partition is lost, and refused by the place then, are no failures`, async () => {
    const rig = await reported({ mode, flushSize: 3 })
    const answers: ((fate: Fate) => void)[] = []
    rig.store.decide = () => new Promise((resolve) => answers.push(resolve))
    rig.log.append('a', [event(1), event(2), event(3)])
    await rig.source.own('a')
    await watched(rig, 2)
    await rig.source.revoke('a', true)
    for (const answer of answers) answer('place')
    const books = await watched(rig)
    assert.equal(books, { accepted: 3, committed: 0, failed: 3, unsettled: 0, superseded: 0, final: {} })
    assert.equal([rig.worker.stats().failed, rig.worker.stats().abandoned], [0, 3])
    await rig.worker.close()
  })

  test(`${mode}: close() in the middle of trouble leaves nothing unsettled`, async () => {
    for (const isStuck of [false, true]) {
      const rig = await reported({ mode })
      rig.store.decide = () => 'place'
      if (isStuck) rig.source.stop = () => new Promise(() => {})
      rig.log.append('a', [event(1), event(2)])
      await rig.source.own('a')
      await watched(rig, 12)
      const closing = rig.worker.close({ timeout: 100 })
      await calm(rig)
      const { abandoned } = await closing
      const { unsettled, final } = await balanced(rig)
      assert.equal([abandoned, unsettled, final], [2, 0, {}])
      assert.is(rig.clock.running, 0)
    }
  })
}

test('a fence is no failure: what somebody else has written is committed, and changed nothing', async () => {
  const rig = await reported({ mode: 'database', flushSize: 2 })
  const { log, source, store } = rig
  let release = () => {}
  store.decide = () => new Promise((resolve) => (release = () => resolve('commit')))
  for (let id = 1; id <= 4; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  store.decide = () => 'commit'
  store.positions.set(scope('events'), '1')
  release()
  const books = await watched(rig)
  assert.equal(books, { accepted: 4, committed: 4, failed: 0, unsettled: 0, superseded: 1, final: {} })
  await rig.worker.close()
})

test('rows that fail for themselves beside rows that fail for the place', async () => {
  const rig = await reported({ mode: 'broker', configure: (executor) => executor.withIsolation(false) })
  let failures = 2
  rig.store.decide = () => (failures-- > 0 ? 'place' : 'commit')
  for (let id = 1; id <= 4; id++)
    rig.log.append(id < 3 ? 'a' : 'b', [id === 2 ? bad(id) : event(id), state(id % 2, id)])
  await rig.source.own('a')
  await rig.source.own('b')
  const { accepted, unsettled } = await watched(rig)
  assert.equal([accepted, unsettled], [8, 0])
  await rig.worker.close()
})

test('a log that outlives its workers is written to its end, and the books of each balance', async () => {
  const log = new MemoryLog()
  const rig = await reported({ mode: 'broker', log, flushSize: 2, bufferSize: 4 })
  let turn = 0
  rig.store.decide = () => (turn++ % 3 === 0 ? 'place' : 'commit')
  for (let id = 1; id <= 40; id++) log.append('a', [event(id), state(id % 4, id)])
  await rig.source.own('a')
  const { committed, failed, accepted } = await watched(rig, 150)
  assert.equal([accepted, committed, failed, log.acknowledged.get('a')], [80, 80, 0, 40])
  for (let key = 0; key < 4; key++) {
    const last = rig.store.keyed.get('states')!.get(JSON.stringify([key])) as { value: number }
    assert.is(last.value, key === 0 ? 40 : 36 + key)
  }
  await rig.worker.close()
})

test.run()
