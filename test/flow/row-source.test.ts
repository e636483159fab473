import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Change, deletion } from '../../src/contract/deletion.ts'
import type { BatchFlowOptions } from '../../src/flow/options.ts'
import { thrownBy } from '../support/assertions.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, type User, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('the rows of one call')

interface Given {
  readonly rows: readonly (Change<User> | null | undefined)[]
  readonly options: BatchFlowOptions
  readonly isReported: boolean
}

const bad = (id: number): User => ({ ...user(id), name: 'bad' })

const given: fc.Arbitrary<Given> = fc.record({
  rows: fc
    .array(fc.constantFrom('good', 'good', 'good', 'good', 'bad', 'none', 'hole', 'deletion'), { maxLength: 40 })
    .map((kinds) =>
      kinds.map(
        (kind, id) =>
          ({ good: user(id), bad: bad(id), none: null, hole: undefined, deletion: deletion({ id }) })[kind]!,
      ),
    ),
  options: fc
    .record({
      flushSize: fc.integer({ min: 1, max: 12 }),
      bufferSize: fc.integer({ min: 12, max: 30 }),
      bytes: fc.constantFrom(
        { flushBytes: 1, bufferBytes: 600 },
        { flushBytes: 500, bufferBytes: 600 },
        { flushBytes: 500, bufferBytes: 2000 },
        { flushBytes: 100_000, bufferBytes: 1_000_000 },
      ),
      overflow: fc.constantFrom('wait', 'reject', 'drop-oldest'),
    })
    .map(({ bytes, ...options }) => ({ ...options, ...bytes })),
  isReported: fc.boolean(),
})

/** Everything that can be seen of a call with `rows`, however they come. */
async function outcomeOf({ options, isReported }: Given, rows: Iterable<User>) {
  const driver = new MemoryDriver((run) => {
    const failures = run.rows.flatMap((row, index) =>
      (row as User).name === 'bad' ? [{ index, error: new MemoryError('constraint') }] : [],
    )
    run.succeed(failures)
  })
  const reporter = new RecordingReporter()
  const { flow } = rig(
    { ...options, flushInterval: 0 },
    (executor) =>
      isReported ? executor.withConcurrencyLimit(1).withMetricsReporter(reporter) : executor.withConcurrencyLimit(1),
    driver,
  )
  const writing = flow.writeMany(users, rows)
  await flow.flush()
  const closing = flow.close()
  const results = await writing
  const { undelivered: _, ...summary } = await closing
  const batches = driver.runs.map((run) => ids(run.rows))
  const told = results.map((result) => (result.status === 'fulfilled' ? result.value.rows : result.reason.code))
  return { batches, told, summary, stats: flow.stats().tables }
}

test('those of an array, taken several at a time, fare as those of any other iterable', async () => {
  await fc.assert(
    fc.asyncProperty(given, async (one) => {
      const rows = one.rows as User[]
      assert.equal(await outcomeOf(one, rows), await outcomeOf(one, rows.values()))
    }),
    { numRuns: 300 },
  )
})

/** An array whose element at `index` is what `read` returns. */
function withElement(rows: readonly User[], index: number, read: () => User): readonly User[] {
  return Object.defineProperty([...rows], index, { get: read })
}

/** A flow to whose table so many rows were written that no row has its size taken for a while. */
async function worn(options: BatchFlowOptions) {
  const used = rig({ flushSize: 1000, ...options })
  await used.flow.submitMany(users, usersFrom(1000, 900))
  return used
}

test('an element that cannot be read keeps none before it from being accepted', async () => {
  const { flow } = await worn({})
  const unreadable = withElement(usersFrom(0, 40), 30, () => {
    throw new Error('no such row')
  })
  assert.match(String(await thrownBy(() => flow.submitMany(users, unreadable))), 'no such row')
  assert.is(flow.stats().accepted, 930)
})

test('an element that submits as it is read, and is none the next time, makes no row wait for ever', async () => {
  const { flow, driver, clock } = await worn({})
  let reads = 0
  const rows = withElement(usersFrom(0, 40), 30, () => {
    if (reads++ > 0) return null as never
    for (const row of usersFrom(100, 100)) flow.trySubmit(users, row) // fills the batch
    return user(30)
  })
  const writing = flow.writeMany(users, rows)
  for (let i = 0; i < 2; i++) {
    await clock.advance(100)
    for (const run of driver.runs) run.succeed()
  }
  const fulfilled = (await writing).filter(({ status }) => status === 'fulfilled').length
  const { accepted, rejected, unsettled, bytes } = flow.stats()
  assert.equal([accepted, rejected, unsettled, bytes], [1000 + fulfilled, 40 - fulfilled, 0, 0])
  assert.not(driver.runs.some((run) => run.rows.includes(null as never)))
})

test.run()
