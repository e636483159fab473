import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Change, deletion } from '../../src/contract/deletion.ts'
import type { BatchFlowOptions } from '../../src/flow/options.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, type User, user, users } from '../support/engine/tables.ts'

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

test.run()
