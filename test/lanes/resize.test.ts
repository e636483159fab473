import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { insideOf } from '../../src/flow/batch-flow.ts'
import { settled } from '../support/engine/clock.ts'
import { type Rig, rig } from '../support/engine/flow.ts'
import { MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, updated, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('batches that are to have another number of rows')

function oneAtOnce(options = {}): Rig & { resize(rows: number): void } {
  const used = rig({ flushSize: 2, ...options }, (executor) => executor.withConcurrencyLimit(1).withRetry(false))
  return { ...used, resize: (rows) => insideOf(used.flow).lanes.resize(rows) }
}

async function succeed({ driver }: Rig, run: number): Promise<unknown[]> {
  driver.runs[run]!.succeed()
  await settled()
  return ids(driver.runs[run + 1]?.rows ?? [])
}

for (const table of [users, updated]) {
  test(`those that wait become larger: ${table.name}`, async () => {
    const used = oneAtOnce()
    await used.flow.submitMany(table, usersFrom(1, 9))
    used.resize(4)
    assert.equal(await succeed(used, 0), [3, 4, 5, 6])
    await succeed(used, 1)
    await used.flow.submitMany(table, usersFrom(10, 6))
    void used.flow.flush()
    assert.is(used.driver.runs.length, 3)
  })

  test(`those that come become smaller: ${table.name}`, async () => {
    const used = oneAtOnce({ flushSize: 4 })
    await used.flow.submitMany(table, usersFrom(1, 2))
    used.resize(1)
    await used.flow.submitMany(table, usersFrom(3, 4))
    void used.flow.flush()
    let sizes: number[] = []
    for (let run = 0; used.driver.runs.length > run; run++) {
      await succeed(used, run)
      sizes = used.driver.runs.map(({ rows }) => rows.length)
    }
    assert.is(sizes.at(-1), 1)
    assert.is(
      sizes.reduce((sum, size) => sum + size),
      6,
    )
  })
}

test('rows that leave together keep their order, and each one its own fate', async () => {
  const reporter = new RecordingReporter()
  const used = rig({ flushSize: 2, latencySampling: 1, overflow: 'drop-oldest' }, (executor) =>
    executor.withConcurrencyLimit(1).withRetry(false).withMetricsReporter(reporter),
  )
  const { flow, driver } = used
  await flow.submitMany(users, usersFrom(1, 2))
  const one = usersFrom(3, 1).map((row) => flow.write(users, row))
  const many = flow.writeMany(users, usersFrom(4, 3))
  await settled()
  insideOf(flow).lanes.resize(4)
  assert.equal(await succeed(used, 0), [3, 4, 5, 6])
  driver.runs[1]!.succeed([{ index: 2, error: new MemoryError('duplicate_key') }])
  assert.is((await one[0]!).rows, 4)
  assert.equal(
    (await many).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.is(reporter.of('observeDequeueLatency').length, 6)
  await flow.close()
})

test('together they are no larger than flushBytes', async () => {
  const used = oneAtOnce({ flushBytes: 600, bufferBytes: 100_000 })
  await used.flow.submitMany(users, usersFrom(1, 12))
  const { length } = used.driver.runs[0]!.rows
  used.resize(1000)
  const next = await succeed(used, 0)
  assert.ok(next.length > length && next.length < 10, `${next.length} rows`)
})

test.run()
