import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, ignored, replaced, updated, user } from '../support/engine/tables.ts'

const test = suite('keyed lane')

test('rows of one key merge while they wait, and settle together', async () => {
  const { flow, driver } = rig({ flushSize: 10 })
  const first = flow.write(updated, { id: 1, name: 'a' })
  const second = flow.write(updated, { id: 1, email: 'e' })
  const flush = flow.flush()
  assert.equal(driver.runs[0]!.rows, [{ id: 1, name: 'a', email: 'e' }])
  driver.runs[0]!.succeed()
  assert.is(await first, await second)
  await flush
  assert.is((await flow.close()).committed, 2)
})

test('ignore keeps the first, replace the last', async () => {
  const { flow, driver } = rig()
  for (const name of ['a', 'b', 'c']) {
    await flow.submit(ignored, { id: 1, name })
    await flow.submit(replaced, { id: 1, name })
  }
  void flow.flush()
  assert.equal(
    driver.runs.map(({ rows }) => rows),
    [[{ id: 1, name: 'a' }], [{ id: 1, name: 'c' }]],
  )
})

test('a getter that sends its row off while the next one is merged into it leaves no row behind', async () => {
  const { flow, driver } = rig({ flushSize: 2 }, (executor) => executor.withConcurrencyLimit(1))
  let sent = false
  const older = {
    id: 1,
    get name() {
      if (sent) return 'a'
      sent = true
      void flow.submit(updated, { id: 2, name: 'b' }) // fills the batch
      return 'a'
    },
  }
  await flow.submit(updated, older)
  await flow.submit(updated, { id: 1, email: 'e' })
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [[1, 2]],
  )
  const flushed = flow.flush()
  const closed = flow.close()
  for (let i = 0; i < 2; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  assert.equal(ids(driver.runs[1]!.rows), [1])
  await flushed
  assert.is((await closed).committed, 3)
})

test('a row that a getter submits while another of its key is merged is not lost', async () => {
  const { flow, driver } = rig()
  const row = {
    id: 1,
    reads: 0,
    get name() {
      if (++this.reads === 2) void flow.submit(updated, { id: 1, email: 'e' }) // not as it is weighed
      return 'b'
    },
  }
  await flow.submit(updated, { id: 1, name: 'a' })
  await flow.submit(updated, row)
  const closed = flow.close()
  driver.runs[0]!.succeed()
  await settled()
  driver.runs[1]!.succeed()
  assert.equal(
    driver.runs.map(({ rows }) => rows[0]),
    [{ id: 1, name: 'a', email: 'e' }, row],
  )
  assert.is((await closed).committed, 3)
})

test('nor is one that a getter within a value submits, as what was merged is measured', async () => {
  const { flow, driver } = rig()
  let reads = 0
  const value = {
    get a() {
      if (++reads === 2) void flow.submit(updated, { id: 1, name: 'b' })
      return 1
    },
  }
  await flow.submit(updated, { id: 1, name: value as never })
  await flow.submit(updated, { id: 1, email: 'e' })
  const closed = flow.close()
  for (let i = 0; i < driver.runs.length; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  assert.ok(driver.runs.some(({ rows }) => (rows[0] as { name: unknown }).name === 'b'))
  assert.is((await closed).committed, 3)
})

test('a key of which a getter has the waiting row dropped while it is merged is not in one batch twice', async () => {
  const options = { flushSize: 5, bufferSize: 5, overflow: 'drop-oldest', deadLetter: () => {} } as const
  const { flow, driver } = rig(options, (executor) => executor.withConcurrencyLimit(1))
  await flow.submit(updated, user(0))
  void flow.flush()
  const row = {
    id: 1,
    reads: 0,
    get name() {
      if (++this.reads === 2) for (const id of [6, 7, 8, 9]) void flow.submit(updated, user(id))
      return 'b'
    },
  }
  for (const one of [user(1), row, { id: 1, email: 'e' }]) await flow.submit(updated, one)
  const closed = flow.close()
  for (let i = 0; i < driver.runs.length; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  assert.equal(
    driver.runs.flatMap(({ rows }) => ids(rows)),
    [0, 1, 8, 9],
  )
  assert.is((await closed).committed, 5)
})

test('a key in flight holds its next row back, other keys go on', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  for (const id of [1, 2, 1, 3, 4]) await flow.submit(updated, user(id))
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [
      [1, 2],
      [3, 4],
    ],
  )
  void flow.flush()
  assert.is(driver.runs.length, 2)
  driver.runs[0]!.succeed()
  await settled()
  assert.equal(ids(driver.runs[2]!.rows), [1])
})

test('a row held back leaves with the next interval once its key is free', async () => {
  const { flow, driver, clock } = rig({ flushSize: 10, flushInterval: 100 })
  await flow.submit(updated, user(1))
  await clock.advance(100)
  await flow.submit(updated, user(1))
  await clock.advance(500)
  assert.is(driver.runs.length, 1)
  driver.runs[0]!.succeed()
  await settled()
  assert.is(driver.runs.length, 2, 'it has waited long enough')
  driver.runs[1]!.succeed()
  await settled()
  await flow.submit(updated, user(1))
  await clock.advance(100)
  assert.is(driver.runs.length, 3)
})

test('a row that is held back does not stop the interval of others', async () => {
  const { flow, driver, clock } = rig({ flushSize: 10, flushInterval: 100 })
  await flow.submit(updated, user(1))
  await clock.advance(100)
  await flow.submit(updated, user(1))
  await clock.advance(100)
  await flow.submit(updated, user(2))
  await clock.advance(99)
  assert.is(driver.runs.length, 1)
  await clock.advance(1)
  assert.equal(ids(driver.runs[1]!.rows), [2])
})

test('flush waits for no interval, whatever is submitted before a key held back is free', async () => {
  const { flow, driver } = rig({ flushSize: 2 }, (executor) => executor.withConcurrencyLimit(1))
  for (const id of [1, 2, 1]) await flow.submit(updated, user(id))
  const flush = flow.flush()
  for (const id of [3, 4, 5, 6]) await flow.submit(updated, user(id))
  for (let i = 0; i < 4; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await flush
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [[1, 2], [3, 4], [5, 6], [1]],
  )
})

test('a hot key does not leave more often than flushInterval allows', async () => {
  const { flow, driver, clock } = rig({ flushSize: 10, flushInterval: 100 })
  for (let tick = 0; tick < 1000; tick += 10) {
    await flow.submit(updated, user(1))
    driver.runs.at(-1)?.succeed()
    await clock.advance(10)
  }
  assert.ok(driver.runs.length <= 10, `${driver.runs.length} batches in one second`)
})

test('keys inside a batch are sorted, NULL keys last and never merged', async () => {
  const { flow, driver } = rig({ flushSize: 6 })
  for (const id of [3, null, 1, null, 2, 10]) await flow.submit(updated, { id })
  assert.equal(ids(driver.runs[0]!.rows), [1, 2, 3, 10, null, null])
})

test('a batch is formed when a slot frees, so that it takes along what came meanwhile', async () => {
  const { flow, driver } = rig({ flushSize: 2 }, (executor) => executor.withConcurrencyLimit(1))
  for (const id of [1, 2, 3, 4]) await flow.submit(updated, { id, name: 'old' })
  await flow.submit(updated, { id: 4, name: 'new' })
  driver.runs[0]!.succeed()
  await settled()
  assert.equal(driver.runs[1]!.rows, [
    { id: 3, name: 'old' },
    { id: 4, name: 'new', email: undefined },
  ])
})

test('who waits for the row that fills a batch hears of it', async () => {
  const { flow, driver } = rig({ flushSize: 1 })
  const write = flow.write(updated, user(1))
  driver.runs[0]!.succeed()
  assert.is((await write).rows, 1)
})

test('merged rows are counted', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({}, (executor) => executor.withMetricsReporter(reporter))
  for (const id of [1, 1, 2, 1]) await flow.submit(updated, user(id))
  const close = flow.close()
  driver.runs[0]!.succeed()
  assert.is((await close).committed, 4)
  assert.equal(reporter.of('countCoalesced'), [['update', 2]])
  assert.equal(reporter.of('observeBatchSize'), [[2]])
  assert.equal(reporter.of('countRecords'), [['success', 4]])
})

test('a failed batch gives its keys free, and fails the rows merged into it', async () => {
  const { flow, driver } = rig({ deadLetter: () => {} })
  const lost = Promise.allSettled([flow.write(updated, user(1)), flow.write(updated, user(1))])
  void flow.flush()
  driver.runs[0]!.fail(new MemoryError('permission'))
  assert.equal(
    (await lost).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  const next = flow.write(updated, user(1))
  void flow.flush()
  driver.runs[1]!.succeed()
  await next
  const { committed, failed } = await flow.close()
  assert.equal({ committed, failed }, { committed: 1, failed: 2 })
})

/** What the database would hold, if it did nothing but carry out the runs in the order they succeeded. */
class Versions {
  readonly stored = new Map<unknown, number>()
  overtaken = 0

  apply({ rows, batch }: Run): void {
    const keys = new Set<unknown>()
    for (const row of rows as { key: number; version: number }[]) {
      if (keys.has(row.key)) this.overtaken++
      keys.add(row.key)
      if (batch.table.action === 'ignore' && this.stored.has(row.key)) continue
      if (batch.table.action !== 'ignore' && (this.stored.get(row.key) ?? 0) > row.version) this.overtaken++
      this.stored.set(row.key, row.version)
    }
  }
}

test('rows of a key never overtake each other, in whatever order batches end', async () => {
  const actions = fc.constantFrom('ignore', 'update', 'replace')
  const keys = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(
      actions,
      keys,
      fc.scheduler(),
      fc.integer({ min: 1, max: 8 }),
      async (action, keys, scheduler, limit) => {
        const table = defineTable<{ key: number; version: number }>('v', {
          columns: ['key', 'version'],
          onConflict: { action, keys: ['key'] } as never,
        })
        const { flow, driver } = rig({ flushSize: 4, bufferSize: 40 }, (executor) =>
          executor.withConcurrencyLimit(limit),
        )
        const versions = new Versions()
        let seen = 0
        const answerNew = () => {
          for (const run of driver.runs.slice(seen)) {
            void scheduler.schedule(Promise.resolve(), 'batch').then(() => {
              versions.apply(run)
              run.succeed()
            })
          }
          seen = driver.runs.length
        }
        const expected = new Map<number, number>()
        const submitting = (async () => {
          for (const [version, key] of keys.entries()) {
            await flow.submit(table, { key, version })
            if (action !== 'ignore' || !expected.has(key)) expected.set(key, version)
            answerNew()
          }
          return flow.close()
        })()
        let summary: { committed: number } | undefined
        void submitting.then((value) => (summary = value))
        while (summary === undefined) {
          await settled()
          answerNew()
          if (scheduler.count() > 0) await scheduler.waitOne()
        }
        assert.is(versions.overtaken, 0)
        assert.is(summary.committed, keys.length)
        assert.equal([...versions.stored].sort(), [...expected].sort())
      },
    ),
    { numRuns: 150 },
  )
})

test.run()
