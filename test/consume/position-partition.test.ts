import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TablePosition } from '../../src/consume/table-position.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { MemoryStore } from '../support/consume/memory-store.ts'
import { calm, event, idsOf, state, workerRig } from '../support/consume/rig.ts'

const test = suite('rows of a log, its position in the database')

const scope = (table: string, partition = 'a') => JSON.stringify(['memory', 'log', partition, table])

test('the position goes with the rows, one batch in flight, rows gather meanwhile', async () => {
  const rig = await workerRig({ mode: 'database', flushSize: 8 })
  const { log, source, store } = rig
  let running = 0
  store.decide = async () => {
    assert.is(++running, 1)
    await Promise.resolve()
    running--
    return 'commit' as const
  }
  for (let id = 1; id <= 30; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  assert.equal(
    idsOf(store.appended.get('events')),
    Array.from({ length: 30 }, (_, i) => i + 1),
  )
  assert.is(store.positions.get(scope('events')), '30')
  assert.ok(store.batches.length < 8, `${store.batches.length} batches`)
  assert.is(log.acknowledged.get('a'), 30)
  assert.is(source.mode!.position, 'database')
  await rig.worker.close()
})

test('a message may be in several batches: its position tells how many of its rows are there', async () => {
  const rig = await workerRig({ mode: 'database', flushSize: 2 })
  const { log, source, store } = rig
  log.append('a', [event(1)])
  log.append('a', [event(2), event(3), event(4)])
  await source.own('a')
  await calm(rig)
  assert.equal(
    store.batches.map(({ companion }) => companion?.kind === 'move' && companion.value),
    ['1#1#2', '2'],
  )
  await rig.worker.close()
})

test('the next worker goes on behind what is committed, within a message', async () => {
  const store = new MemoryStore()
  store.positions.set(scope('events'), '1#2#2')
  store.positions.set(scope('states'), '2')
  const rig = await workerRig({ mode: 'database', store })
  const { log, source } = rig
  log.append('a', [event(1)])
  log.append('a', [event(2), event(3), event(4), state(1, 1)])
  log.append('a', [event(5), state(1, 2)])
  await source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [4, 5])
  assert.equal(store.batches.filter(({ table }) => table === 'states').length, 1)
  assert.is(log.acknowledged.get('a'), 3)
  await rig.worker.close()
})

test('a table without rows is moved along, so that the next worker need not read the whole log', async () => {
  const rig = await workerRig({ mode: 'database' })
  const { log, source, store } = rig
  for (let id = 1; id <= 3; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  assert.is(store.positions.get(scope('states')), '3')
  log.append('a', [event(4)])
  await source.revoke('a')
  assert.is(store.positions.get(scope('states')), store.positions.get(scope('events')))
  await rig.worker.close()
})

test('the row at fault is put aside first, those around it are committed, and the position moves past it', async () => {
  for (const bad of [1, 4, 8]) {
    const rig = await workerRig({ mode: 'database' })
    const { log, source, store } = rig
    source.onDeadLetter = () => {
      assert.is(Number((store.positions.get(scope('events')) || '0').replace(/#.*/, '')), bad - 1)
    }
    for (let id = 1; id <= 8; id++) log.append('a', [{ table: 'events', row: { id, bad: id === bad } }])
    await source.own('a')
    await calm(rig)
    assert.equal(
      idsOf(store.appended.get('events')),
      [1, 2, 3, 4, 5, 6, 7, 8].filter((id) => id !== bad),
    )
    assert.equal(
      log.letters.map(({ position, why }) => [position, why.reason, why.table]),
      [[String(bad), 'constraint', 'events']],
    )
    assert.is(store.positions.get(scope('events')), '8')
    assert.is(log.acknowledged.get('a'), 8)
    await rig.worker.close()
  }
})

test('around the row that the database names there are no halves', async () => {
  for (const bad of [1, 13, 64]) {
    const rig = await workerRig({ mode: 'database', flushSize: 64, prepare: (source) => void (source.chunk = 64) })
    const { log, source, store } = rig
    store.names = true
    let attempts = 0
    store.decide = () => {
      attempts++
      return 'commit'
    }
    for (let id = 1; id <= 64; id++) log.append('a', [{ table: 'events', row: { id, bad: id === bad } }])
    await source.own('a')
    await calm(rig)
    assert.is(store.appended.get('events')!.length, 63)
    assert.equal(
      log.letters.map(({ position }) => position),
      [String(bad)],
    )
    assert.ok(attempts <= 4, `${attempts} attempts`)
    assert.is(log.acknowledged.get('a'), 64)
    await rig.worker.close()
  }
})

test('a row that is named wrongly costs halves, and nothing else', async () => {
  const rig = await workerRig({ mode: 'database' })
  const { log, source, store } = rig
  store.names = 'wrongly'
  for (let id = 1; id <= 8; id++) log.append('a', [{ table: 'events', row: { id, bad: id === 6 } }])
  await source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1, 2, 3, 4, 5, 7, 8])
  assert.equal(
    log.letters.map(({ position }) => position),
    ['6'],
  )
  await rig.worker.close()
})

test('once a letter is kept the position is behind it, whatever happens to the rows that follow', async () => {
  const rig = await workerRig({ mode: 'database' })
  const { log, source, store } = rig
  let letters = 0
  source.onDeadLetter = () => {
    letters++
    store.decide = () => 'place'
  }
  for (let id = 1; id <= 4; id++) log.append('a', [{ table: 'events', row: { id, bad: id === 2 } }])
  await source.own('a')
  await calm(rig)
  assert.is(letters, 1)
  assert.is(store.positions.get(scope('events')), '2')
  await source.revoke('a', true)
  store.decide = () => 'commit'
  await source.own('a')
  await calm(rig)
  assert.equal([letters, idsOf(store.appended.get('events'))], [1, [1, 3, 4]])
  await rig.worker.close()
})

test('a letter for a message that cannot be read is not written again by the next worker, either', async () => {
  const rig = await workerRig({ mode: 'database' })
  const { log, source, store, clock } = rig
  log.append('a', [event(1)])
  log.append('a', 'no JSON')
  await source.own('a')
  await clock.advance(10)
  assert.is(log.letters.length, 1)
  assert.equal([store.positions.get(scope('events')), store.positions.get(scope('states'))], ['2', '2'])
  await source.revoke('a', true)
  await source.own('a')
  await clock.advance(10)
  assert.is(log.letters.length, 1)
  await rig.worker.close()
})

test('no position moves past a message that is not put aside yet', async () => {
  const rig = await workerRig({ mode: 'database' })
  const { log, source, store } = rig
  let isAway = true
  source.onDeadLetter = () => {
    if (isAway) throw new Error('away')
  }
  log.append('a', [event(1)])
  log.append('a', 'no JSON')
  log.append('a', [event(2)])
  await source.own('a')
  await calm(rig)
  assert.is(store.positions.get(scope('events')), '1')
  assert.is(store.positions.get(scope('states')), '1')
  isAway = false
  await calm(rig)
  assert.is(store.positions.get(scope('events')), '3')
  assert.is(log.acknowledged.get('a'), 3)
  assert.is(rig.troubles.length, 2)
  await rig.worker.close()
})

test('whoever meets the fence drops what is written, and goes on from there', async () => {
  const rig = await workerRig({ mode: 'database', flushSize: 2 })
  const { log, source, store } = rig
  let release = () => {}
  store.decide = () => new Promise((resolve) => (release = () => resolve('commit')))
  for (let id = 1; id <= 4; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  store.decide = () => 'commit'
  store.positions.set(scope('events'), '3') // somebody else has come so far
  store.appended.set('events', [{ id: 1 }, { id: 2 }, { id: 3 }])
  release()
  await calm(rig)
  assert.is(store.fences, 1)
  assert.equal(idsOf(store.appended.get('events')), [1, 2, 3, 4])
  assert.is(store.positions.get(scope('events')), '4')
  assert.is(log.acknowledged.get('a'), 4)
  assert.equal(log.letters, [])
  await rig.worker.close()
})

test('an answer that is lost after commit doubles nothing', async () => {
  const rig = await workerRig({ mode: 'database', flushSize: 2 })
  const { log, source, store } = rig
  let lost = 1
  store.decide = () => (lost-- > 0 ? 'lost' : 'commit')
  for (let id = 1; id <= 4; id++) log.append('a', [event(id)])
  await source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1, 2, 3, 4])
  await rig.worker.close()
})

test('a database that stands before what was committed holds the partition, and says so', async () => {
  const rig = await workerRig({ mode: 'database' })
  const { log, source, store } = rig
  log.append('a', [event(1)])
  await source.own('a')
  await calm(rig)
  store.positions.set(scope('events'), '')
  log.append('a', [event(2)])
  await calm(rig)
  const [trouble] = rig.troubles
  assert.is(trouble!.kind, 'position')
  assert.match(trouble!.error!.message, /as after a restore/)
  assert.equal(idsOf(store.appended.get('events')), [1])
  await rig.worker.close()
})

test('a claim is repeated until the database answers, and ends with the partition', async () => {
  const store = new MemoryStore()
  let isAway = true
  store.onCompanion = () => {
    if (isAway) throw new Error('away')
  }
  const rig = await workerRig({ mode: 'database', store })
  const owned = rig.source.own('a')
  await calm(rig)
  assert.is(rig.troubles.length, 1)
  isAway = false
  await calm(rig)
  await owned
  isAway = true
  const other = rig.source.own('b')
  await calm(rig)
  await rig.worker.close()
  await other
  assert.is(rig.clock.running, 0)
})

test('a database that never answers is asked again', async () => {
  const store = new MemoryStore()
  const mute = () => new Promise<void>(() => {})
  store.onCompanion = mute
  const rig = await workerRig({ mode: 'database', store })
  const { log, source, clock } = rig
  log.append('a', [event(1)])
  const owned = source.own('a')
  await clock.advance(20_000)
  assert.equal(rig.troubles, [])
  store.onCompanion = (what) => (what === 'commit' ? mute() : undefined)
  await calm(rig)
  await owned
  assert.equal(
    rig.troubles.map(({ kind, error }) => [kind, error?.message]),
    [
      ['position', 'it took longer than 30000 ms'],
      ['position', undefined],
      ['position', 'it took longer than 30000 ms'],
    ],
  )
  store.onCompanion = () => {}
  log.append('a', [event(2), state(1, 1)])
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1, 2])
  assert.is(store.positions.get(scope('states')), '2')
  await rig.worker.close()
  assert.is(clock.running, 0)
})

test('a batch that takes longer than it may is sent in smaller ones', async () => {
  const configure = (executor: Executor) => executor.withTimeout(1000)
  const rig = await workerRig({ mode: 'database', flushSize: 8, configure })
  const { log, source, store } = rig
  store.decide = ({ rows }) => (rows.length > 2 ? new Promise(() => {}) : 'commit')
  log.append(
    'a',
    Array.from({ length: 8 }, (_, i) => event(i + 1)),
  )
  await source.own('a')
  await calm(rig, 20)
  assert.equal(idsOf(store.appended.get('events')), [1, 2, 3, 4, 5, 6, 7, 8])
  assert.equal(log.letters, [])
  assert.equal(rig.worker.stats().source.troubles, [])
  await rig.worker.close()
})

test('a scope that is too long for a key is shortened, and still its own', async () => {
  const store = new MemoryStore()
  const destination = 'd'.repeat(700)
  const prepare = (source: object) => void Object.assign(source, { destination })
  const rig = await workerRig({ mode: 'database', store, prepare })
  rig.log.append('a', [event(1), state(1, 1)])
  await rig.source.own('a')
  await calm(rig)
  assert.is(store.positions.size, 2)
  for (const known of store.positions.keys()) assert.match(known, /^\["memory","[0-9a-f]{64}"\]$/)
  await rig.worker.close()
})

test('a position may have any characters', () => {
  const compare = (a: string, b: string) => (a === b ? 0 : a < b ? -1 : 1)
  const of = (text: string) => new TablePosition(text, compare)
  for (const position of ['1#2#3', '%23', '#', '%', '2025-01-01T00:00:00Z#7', '%2523']) {
    assert.is(of(TablePosition.whole(position)).start, position)
    assert.ok(of(TablePosition.whole(position)).has(position, 7))
    const partial = of(TablePosition.partial(position, 2, `${position}#`))
    assert.is(partial.start, position)
    assert.ok(partial.has(`${position}#`, 1))
    assert.not(partial.has(`${position}#`, 2))
    assert.ok(partial.has(position, 9))
    assert.ok(of(TablePosition.whole(`${position}#`)).covers(partial))
    assert.not(of(TablePosition.whole(position)).covers(partial))
  }
})

const identified = (table: string, identity: string) => JSON.stringify(['memory', 'log', 'a', table, identity])

test('a log that was made anew under its name is read from its beginning', async () => {
  const store = new MemoryStore()
  for (const identity of ['first', 'second']) {
    const rig = await workerRig({ mode: 'database', store, prepare: (source) => (source.identity = identity) })
    for (let id = 1; id <= 5; id++) rig.log.append('a', [event(id)])
    await rig.source.own('a')
    await calm(rig)
    assert.is(store.positions.get(identified('events', identity)), '5')
    await rig.worker.close()
  }
  assert.is(store.appended.get('events')!.length, 10)
})

test('a position from the time before the log had an identity goes on under it, once', async () => {
  const store = new MemoryStore()
  store.positions.set(scope('events'), '3')
  store.positions.set(scope('states'), '3')
  for (const [identity, expected] of [
    ['first', [4, 5]],
    ['second', [1, 2, 3, 4, 5]],
  ] as const) {
    store.appended.clear()
    const rig = await workerRig({ mode: 'database', store, prepare: (source) => (source.identity = identity) })
    for (let id = 1; id <= 5; id++) rig.log.append('a', [event(id)])
    await rig.source.own('a')
    await calm(rig)
    assert.equal(idsOf(store.appended.get('events')), expected)
    await rig.worker.close()
  }
})

test("a position that the log has not come to is another one's", async () => {
  const store = new MemoryStore()
  store.positions.set(scope('events'), '3')
  const prepare = (source: { identity: string | undefined; hasCome: boolean }) => {
    source.identity = 'new'
    source.hasCome = false
  }
  const rig = await workerRig({ mode: 'database', store, prepare })
  for (let id = 1; id <= 4; id++) rig.log.append('a', [event(id)])
  await rig.source.own('a')
  await calm(rig)
  assert.equal(idsOf(store.appended.get('events')), [1, 2, 3, 4])
  assert.is(store.positions.get(scope('events')), '3')
  await rig.worker.close()
})

test.run()
