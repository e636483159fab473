import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { rig } from '../support/engine/flow.ts'
import { committing } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { type User, user } from '../support/engine/tables.ts'

const test = suite('lanes')

function tableOf(n: number, action: 'error' | 'update' = 'error') {
  const onConflict = action === 'error' ? ({ action } as const) : ({ action, keys: ['id'] } as const)
  return defineTable<User>(`t${n}`, { columns: ['id', 'name'], onConflict: onConflict as never })
}

test('the lanes of tables that are written no more are dropped, but for the last thousand', async () => {
  const reporter = new RecordingReporter()
  let queues: readonly unknown[] = []
  const open = reporter.open.bind(reporter)
  reporter.open = (probe) => {
    Object.defineProperty(reporter, 'probe', { value: probe })
    return open(probe)
  }
  const executor = createExecutor(committing()).withMetricsReporter(reporter)
  const flow = new BatchFlow(executor, { flushSize: 1 })
  for (let n = 0; n < 3000; n++) await flow.write(tableOf(n), user(n))
  queues = [...(Reflect.get(reporter, 'probe') as { queueLengths(): Iterable<unknown> }).queueLengths()]
  assert.ok(queues.length <= 1001, `${queues.length} lanes`)
  await flow.close()
})

test('a table whose lane was dropped is written as before', async () => {
  const { flow, driver } = rig({ flushSize: 1 }, undefined, committing())
  const first = tableOf(-1, 'update')
  await flow.write(first, user(1))
  for (let n = 0; n < 1500; n++) await flow.write(tableOf(n), user(n))
  await flow.write(first, user(2))
  assert.is(driver.committed.length, 1502)
  assert.is((await flow.close()).committed, 1502)
})

test('a lane is not dropped while rows of it wait or are on their way', async () => {
  const { flow, driver, clock } = rig({ flushSize: 2, flushInterval: 100, bufferSize: 5000 })
  const [waiting, travelling] = [tableOf(-1), tableOf(-2, 'update')]
  const first = flow.write(waiting, user(1))
  const second = flow.writeMany(travelling, [user(1), user(2)])
  const run = driver.runs[0]!
  for (let n = 0; n < 1500; n++) {
    const write = flow.writeMany(tableOf(n), [user(1), user(2)])
    driver.runs.at(-1)!.succeed()
    await write
  }
  await flow.submit(travelling, user(1))
  await clock.advance(100)
  assert.is(driver.runs.filter(({ batch }) => batch.table.name === 't-2').length, 1, 'its key is on its way still')
  run.succeed()
  await second
  await clock.advance(100)
  for (const { batch, succeed } of driver.runs.slice(-2)) {
    assert.ok(['t-1', 't-2'].includes(batch.table.name))
    succeed()
  }
  assert.is((await first).rows, 1)
  assert.is((await flow.close()).failed, 0)
})

test.run()
