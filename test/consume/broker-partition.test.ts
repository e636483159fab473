import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Executor } from '../../src/executor/executor.ts'
import { calm, event, first, idsOf, state, workerRig } from '../support/consume/rig.ts'
import { settled } from '../support/engine/clock.ts'

const test = suite('rows of a log, acknowledged after commit')

test('messages are written in bulk, acknowledged in order after commit, and counted', async () => {
  const rig = await workerRig()
  const { log, source, store, worker } = rig
  for (let id = 1; id <= 25; id++) log.append('a', [event(id), event(id + 100)])
  await source.own('a')
  await calm(rig)
  assert.is(idsOf(store.appended.get('events')).length, 50)
  assert.ok(store.batches.length < 5, `${store.batches.length} batches`)
  assert.is(log.acknowledged.get('a'), 25)
  assert.equal(
    source.acknowledgements.flat(),
    Array.from({ length: 25 }, (_, i) => String(i + 1)),
  )
  assert.equal(worker.stats().source.messages, { committed: 25, dead_lettered: 0, dropped: 0 })
  assert.is(worker.stats().source.held, 0)
  const summary = await worker.close()
  assert.is(summary.committed, 50)
  assert.is(source.stopped, 1)
  assert.is(rig.clock.running, 0)
})

test('nothing is acknowledged before what came before it is committed', async () => {
  let release = () => {}
  const rig = await workerRig({ flushSize: 1 })
  const { log, source, store } = rig
  store.decide = ({ rows }) =>
    idsOf(rows)[0] === 1 ? new Promise((resolve) => (release = () => resolve('commit'))) : 'commit'
  for (let id = 1; id <= 3; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [2, 3])
  assert.equal(source.acknowledgements, [])
  release()
  await calm(rig)
  assert.equal(source.acknowledgements, [['1', '2', '3']])
  await rig.worker.close()
})

test('a message that cannot be read, and one with a row that fails alone, are put aside and acknowledged', async () => {
  const rig = await workerRig()
  const { log, source, store, worker } = rig
  log.append('a', [event(1)])
  log.append('a', 'no JSON')
  log.append('a', [event(2), { table: 'events', row: { id: 3, bad: true } as never }])
  log.append('a', [{ table: 'others', row: { id: 4 } }])
  log.append('a', [event(5)])
  await source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1, 2, 5])
  assert.equal(
    log.letters.map(({ position, why }) => [position, why.reason, why.table, why.code]),
    [
      ['2', 'decode', undefined, undefined],
      ['4', 'unknown_table', 'others', undefined],
      ['3', 'constraint', 'events', 'M_constraint'],
    ],
  )
  assert.is(log.acknowledged.get('a'), 5)
  assert.equal(worker.stats().source.messages, { committed: 2, dead_lettered: 3, dropped: 0 })
  await worker.close()
})

test('a letter names all rows of its message that failed, as far as there is room, and how many there are', async () => {
  const rig = await workerRig({ flushSize: 2 })
  const { log, source, worker } = rig
  const bad = (id: number) => ({ table: 'events', row: { id, bad: true } as never })
  log.append('a', [event(1), bad(2), event(3), state(1, 1), bad(4), event(5)])
  log.append(
    'a',
    Array.from({ length: 30 }, (_, i) => bad(i)),
  )
  log.append('a', [bad(7)])
  await source.own('a')
  await calm(rig)
  const [some, many, one] = ['1', '2', '3'].map((at) => log.letters.find(({ position }) => position === at)!.why)
  const told = { reason: 'constraint', table: 'events', code: 'M_constraint' }
  assert.equal(
    some!.rows?.map(({ message: _, ...rest }) => rest),
    [
      { ...told, row: 1 },
      { ...told, row: 3 },
    ],
  )
  assert.match(some!.rows![1]!.message, /constraint/)
  assert.equal([some!.row, some!.failed, many!.failed, many!.rows?.length], [1, 2, 30, 20])
  assert.equal([one!.row, one!.failed, one!.rows], [0, undefined, undefined])
  assert.is(log.acknowledged.get('a'), 3)
  await worker.close()
})

for (const mode of ['broker', 'database'] as const) {
  test(`where rows of a message are put aside each by itself, no letter stands for two of them: ${mode}`, async () => {
    const rig = await workerRig({ mode, prepare: (source) => (source.deadLettersEach = true) })
    const { log, source, store, worker } = rig
    const bad = (id: number) => ({ table: 'events', row: { id, bad: true } as never })
    log.append('a', [event(0), bad(1), event(2), bad(3), bad(4)])
    log.append('a', 'no JSON')
    log.append('a', [event(5)])
    await source.own('a')
    await calm(rig, 10)
    assert.equal(log.letters.map(({ position, why }) => [position, why.row, why.rows]).sort(), [
      ['1', 1, undefined],
      ['1', 3, undefined],
      ['1', 4, undefined],
      ['2', undefined, undefined],
    ])
    assert.equal(idsOf(store.appended.get('events')), [0, 2, 5])
    assert.is(log.acknowledged.get('a'), 3)
    assert.equal(worker.stats().source.messages, { committed: 1, dead_lettered: 2, dropped: 0 })
    await worker.close()
  })
}

test('where the place is at fault the partition waits, tells it once, and its rows are written later, in order', async () => {
  const rig = await workerRig({ flushSize: 1 })
  const { log, source, store, troubles, worker } = rig
  let isClosed = true
  store.decide = () => (isClosed ? 'place' : 'commit')
  log.append('a', [state(1, 1)])
  log.append('a', [state(1, 2)])
  log.append('a', [event(7)])
  await source.own('a')
  await calm(rig)
  assert.equal(
    troubles.map(({ kind, partition, error }) => [kind, partition, error === undefined]),
    [
      ['place', 'a', false],
      ['place', 'a', false],
    ],
  )
  assert.equal(log.letters, [])
  assert.is(worker.stats().source.troubles.length, 2)
  isClosed = false
  await calm(rig)
  assert.is((store.keyed.get('states')!.get('[1]') as { value: number }).value, 2)
  assert.equal(idsOf(store.appended.get('events')), [7])
  assert.is(log.acknowledged.get('a'), 3)
  assert.equal(worker.stats().source.troubles, [])
  await worker.close()
})

test('an old row that failed for the place does not win over a newer one that was written meanwhile', async () => {
  const rig = await workerRig({ flushSize: 1 })
  const { log, source, store } = rig
  let failures = 1
  store.decide = () => (failures-- > 0 ? 'place' : 'commit')
  log.append('a', [state(1, 1)])
  log.append('a', [state(1, 2)])
  await source.own('a')
  await calm(rig)
  assert.is((store.keyed.get('states')!.get('[1]') as { value: number }).value, 2)
  assert.is(log.acknowledged.get('a'), 2)
  await rig.worker.close()
})

test('a batch that takes longer than it may comes in smaller ones, and in larger ones again after that', async () => {
  for (const make of [event, (id: number) => state(id, id)]) {
    const configure = (executor: Executor) => executor.withTimeout(1000).withConcurrencyLimit(1)
    const rig = await workerRig({ flushSize: 16, configure })
    const { log, source, store } = rig
    const sizes: number[] = []
    let most = 3
    store.decide = ({ rows }) => {
      sizes.push(rows.length)
      return rows.length > most ? new Promise(() => {}) : 'commit'
    }
    const rows = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => make(from + i))
    log.append('a', rows(1, 32))
    await source.own('a')
    await calm(rig, 20)
    assert.is(log.acknowledged.get('a'), 1)
    assert.is(store.batches.flatMap(({ rows }) => rows).length, 32)
    assert.equal(log.letters, [])
    assert.equal(rig.worker.stats().source.troubles, [])
    assert.equal(sizes.slice(0, 3), [16, 8, 4])
    most = 100
    log.append('a', rows(101, 200))
    await calm(rig, 20)
    sizes.length = 0
    log.append('a', rows(201, 248))
    await calm(rig, 20)
    assert.equal(sizes, [16, 16, 16])
    await rig.worker.close()
    assert.is(rig.clock.running, 0)
  }
})

test('where the first row wins, none behind it in its key is written before it, whatever the place did to it', async () => {
  for (const bufferSize of [100, 2]) {
    const rig = await workerRig({ flushSize: 1, bufferSize })
    const { log, source, store } = rig
    let failures = 1
    store.decide = () => (failures-- > 0 ? 'place' : 'commit')
    for (let value = 1; value <= 5; value++) log.append('a', [first(1, value)])
    await source.own('a')
    await calm(rig)
    assert.equal(store.keyed.get('firsts')!.get('[1]'), { id: 1, value: 1 })
    assert.is(log.acknowledged.get('a'), 5)
    assert.equal(rig.worker.stats().source.messages, { committed: 5, dead_lettered: 0, dropped: 0 })
    await rig.worker.close()
  }
})

test('dead letters that cannot be written hold the partition, and nothing is lost', async () => {
  const rig = await workerRig()
  const { log, source, store, troubles } = rig
  let isAway = true
  source.onDeadLetter = () => {
    if (isAway) throw new Error('away')
  }
  log.append('a', 'no JSON')
  log.append('a', [event(1)])
  await source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1])
  assert.equal(source.acknowledgements, [])
  assert.is(troubles[0]!.kind, 'dead-letter')
  isAway = false
  await calm(rig)
  assert.is(log.letters.length, 1)
  assert.is(log.acknowledged.get('a'), 2)
  await rig.worker.close()
})

test('an acknowledgement that fails goes with the next one', async () => {
  const rig = await workerRig()
  const { log, source } = rig
  let isAway = true
  source.onAcknowledge = () => {
    if (isAway) throw new Error('away')
  }
  log.append('a', [event(1)])
  await source.own('a')
  await calm(rig)
  assert.is(rig.troubles[0]!.kind, 'acknowledge')
  isAway = false
  log.append('a', [event(2)])
  await calm(rig)
  assert.equal(source.acknowledgements.flat(), ['1', '2'])
  await rig.worker.close()
})

test('what is held is kept alive, prefetched messages too', async () => {
  const rig = await workerRig({
    flushSize: 1,
    bufferSize: 1,
    prepare: (source) => {
      source.heartbeat = 1000
    },
  })
  const { log, source, store, clock } = rig
  let release = () => {}
  store.decide = () => new Promise((resolve) => (release = () => resolve('commit')))
  for (let id = 1; id <= 3; id++) log.append('a', [event(id)])
  await source.own('a')
  await clock.advance(1000)
  assert.equal(source.kept, [['1', '2', '3']])
  store.decide = () => 'commit'
  release()
  await calm(rig)
  await rig.worker.close()
})

test('no more is asked for than there is room', async () => {
  const rig = await workerRig({ maxMessages: 20, flushSize: 1 })
  const { log, source, store, worker } = rig
  let release = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  store.decide = async () => {
    await gate
    return 'commit' as const
  }
  source.chunk = 4
  for (let id = 1; id <= 100; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  assert.is(worker.stats().source.held, 12)
  release()
  await calm(rig, 50)
  assert.is(log.acknowledged.get('a'), 100)
  await worker.close()
})

test('a partition is given back when nothing of it is under way, with what is committed acknowledged', async () => {
  const rig = await workerRig()
  const { log, source, store } = rig
  let release = () => {}
  store.decide = () => new Promise((resolve) => (release = () => resolve('commit')))
  log.append('a', [event(1)])
  await source.own('a')
  await rig.clock.advance(10)
  let isBack = false
  const revoked = source.revoke('a').then(() => (isBack = true))
  await settled()
  assert.is(isBack, false)
  release()
  await revoked
  assert.is(log.acknowledged.get('a'), 1)
  assert.equal(rig.worker.stats().source.partitions, {})
  await rig.worker.close()
})

test('a partition that is lost is given up at once: what is under way is not acknowledged', async () => {
  const rig = await workerRig()
  const { log, source, store } = rig
  let release = () => {}
  store.decide = () => new Promise((resolve) => (release = () => resolve('commit')))
  log.append('a', [event(1)])
  await source.own('a')
  await rig.clock.advance(10)
  await source.revoke('a', true)
  release()
  await calm(rig)
  assert.equal(source.acknowledgements, [])
  assert.is(rig.worker.stats().source.held, 0)
  await rig.worker.close()
})

test('what commits after its partition was lost is acknowledged, in order, to a log that takes each message by itself', async () => {
  const rig = await workerRig({ flushSize: 1, configure: (executor) => executor.withConcurrencyLimit(3) })
  const { log, source, store, worker, troubles } = rig
  source.acknowledgesEach = true
  const release = new Map<number, () => void>()
  store.decide = ({ rows }) => new Promise((resolve) => release.set(idsOf(rows)[0]!, () => resolve('commit')))
  for (let id = 1; id <= 3; id++) log.append('a', [event(id)])
  await source.own('a')
  await rig.clock.advance(10)
  await source.revoke('a', true)
  release.get(2)!()
  await settled()
  assert.equal(source.acknowledgements, []) // the first one comes again, and must not come alone
  release.get(1)!()
  await settled()
  assert.equal(source.acknowledgements.flat(), ['1', '2'])
  source.onAcknowledge = () => Promise.reject(new Error('away'))
  release.get(3)!()
  await calm(rig)
  assert.is(log.acknowledged.get('a'), 2)
  assert.equal([troubles, worker.stats().source.held, rig.clock.running], [[], 0, 1]) // it is tried once; lag is asked for
  await worker.close()
})

test('what waits for room when its partition is lost is not written', async () => {
  const rig = await workerRig({ flushSize: 1, bufferSize: 2 })
  const { log, source, store, worker } = rig
  let release = () => {}
  const gate = new Promise<void>((resolve) => (release = resolve))
  store.decide = () => gate.then(() => 'commit' as const)
  for (let id = 1; id <= 5; id++) log.append('a', [event(id)])
  await source.own('a')
  await rig.clock.advance(10)
  await source.revoke('a', true)
  release()
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1, 2])
  await worker.close()
})

test('a message that comes again while it is held is not written twice', async () => {
  const rig = await workerRig()
  const { log, source, store, worker } = rig
  const message = log.append('a', [event(1)])
  await source.own('a')
  await source.host.deliver('a', [{ ...message, redelivered: 1 }])
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1])
  assert.is(worker.stats().source.redelivered, 1)
  await worker.close()
})

test.run()
