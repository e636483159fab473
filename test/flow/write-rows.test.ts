import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { committing, MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('executor.write')

test('rows go in one batch, those of one key merged, with the telemetry of a flow', async () => {
  const driver = committing()
  const reporter = new RecordingReporter()
  const executor = createExecutor(driver).withMetricsReporter(reporter)
  const written = await executor.write(updated, [user(1), user(2), { id: 1, name: 'again' }])
  assert.equal(written, { committed: 3, failed: [] })
  assert.is(driver.runs.length, 1)
  assert.equal(driver.committed[0], { ...user(1), name: 'again' })
  assert.equal(reporter.of('countRecords'), [['success', 3]])
})

test('more than fit one batch go in as many as it takes, and telemetry is opened once', async () => {
  const driver = committing()
  const reporter = new RecordingReporter()
  const executor = createExecutor(driver).withMetricsReporter(reporter)
  assert.is((await executor.write(users, usersFrom(0, 25_000))).committed, 25_000)
  assert.is((await executor.write(users, [])).committed, 0)
  assert.equal(
    driver.runs.map(({ rows }) => rows.length),
    [10_000, 10_000, 5000],
  )
  assert.is(reporter.probes.length, 1)
})

test('a bad row fails alone, with its place and its error; what may be retried is', async () => {
  let away = true
  const driver = new MemoryDriver((run) => {
    if (away) run.fail(new MemoryError('deadlock'))
    else if (run.rows.some((row) => 'id' in row && row.id === 3)) run.fail(new MemoryError('constraint'))
    else run.succeed()
    away = false
  })
  const rows = usersFrom(0, 5)
  const { committed, failed } = await createExecutor(driver).withRetry({ backoffBase: 1 }).write(users, rows)
  assert.is(committed, 4)
  assert.is(failed.length, 1)
  const [{ row, index, error }] = failed as [(typeof failed)[0]]
  assert.is(row, rows[3])
  assert.is(index, 3)
  assert.ok(error instanceof RowFailedError && error.reason === 'constraint')
})

test('a signal ends the wait, not the rows', async () => {
  const driver = new MemoryDriver()
  const controller = new AbortController()
  const writing = createExecutor(driver).write(users, [user(1)], { signal: controller.signal })
  while (driver.runs.length === 0) await new Promise((resolve) => setImmediate(resolve))
  controller.abort()
  const { committed, failed } = await writing
  assert.equal([committed, failed[0]?.error.code], [0, 'ERR_BATCHFLOW_ABORTED'])
  driver.runs[0]?.succeed()
})

test.run()
