import * as assert from 'uvu/assert'
import { traitsOf } from '../../../../src/contract/reasons.ts'
import type { Table } from '../../../../src/contract/table.ts'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import { RecordingReporter } from '../../../support/engine/recording-reporter.ts'
import type { Database, Hold, TestTable } from '../backend.ts'
import { errorsOf, range, reasonsOf, tableOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

const SETTINGS = { maxAttempts: 2, backoffBase: 1, maxBackoff: 1, maxOutage: 0 }

/** Every reason that the backend can be brought to, as its label reaches the reporter. */
export const faults: Register = ({ add, backend }) => {
  for (const [what, { reason, provoke }] of Object.entries(backend.faults)) {
    const { retryable } = traitsOf(reason)

    add(`${what} is told as ${reason}`, async (database) => {
      const { executor, table, rows, passes, end } = await provoke(database)
      try {
        const written = await writeAll(executor.withRetry(SETTINGS), table, rows)
        const labels = [...(retryable ? [`retry:${reason}`] : []), ...(passes ? [] : [`final:${reason}`])]
        assert.equal([...new Set(written.errors)], labels)
        assert.ok(Object.values(reasonsOf(written)).every((found) => found === reason))
        assert.is(written.summary.failed, passes ? 0 : rows.length)
      } finally {
        await end()
      }
    })
  }
}

const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const

/** What becomes of a batch that takes too long. */
export const cancellation: Register = ({ add, can }) => {
  add('a flow that is aborted writes nothing more, and tells it as context', async (database) => {
    const made = await database.create(COLUMNS)
    const reporter = new RecordingReporter()
    const controller = new AbortController()
    const flow = new BatchFlow(database.executor.withMetricsReporter(reporter), { signal: controller.signal })
    const writing = flow.writeMany(tableOf(made) as Table<object>, [{ id: 1 }, { id: 2 }])
    controller.abort()
    await writing
    assert.equal((await flow.close()).committed, 0)
    assert.equal(errorsOf(reporter), ['final:context'])
    assert.is(await made.count(), 0)
  })

  if (!can.cancels) return

  add('a batch that exceeds its time limit is ended on the server, and told as processor_timeout', async (database) => {
    const made = await database.create(COLUMNS)
    await whileHeld(database, made, async (hold) => {
      const executor = database.executor.withTimeout(300).withRetry(SETTINGS)
      const written = await writeAll(executor, tableOf(made), [{ id: 1 }, { id: 2 }])
      assert.equal(written.errors, ['retry:processor_timeout', 'final:processor_timeout'])
      assert.is(await hold.running(), 0, 'nothing is left running')
    })
    assert.is(await made.count(), 0)
    await writeWell(database.executor, tableOf(made), [{ id: 1 }, { id: 2 }])
    assert.is(await made.count(), 2)
  })

  add('a batch of a flow that is closed in haste is ended on the server, and told as context', async (database) => {
    const made = await database.create(COLUMNS)
    const reporter = new RecordingReporter()
    await whileHeld(database, made, async (hold) => {
      const flow = new BatchFlow(database.executor.withMetricsReporter(reporter))
      await flow.submitMany(tableOf(made) as Table<object>, [{ id: 1 }, { id: 2 }])
      const summary = await flow.close({ timeout: 300 })
      assert.equal([summary.committed, summary.abandoned], [0, 2])
      assert.is(await hold.running(), 0, 'nothing is left running')
    })
    assert.equal(errorsOf(reporter), ['final:context'])
    assert.is(await made.count(), 0)
  })
}

/** A server that goes away in the middle of a batch, and comes back. */
export const restart: Register = ({ add, backend }) => {
  const { openPrivate } = backend
  if (openPrivate === undefined) return

  add('a server that crashes in the middle of a batch and comes back', async () => {
    const database = await openPrivate.call(backend)
    if (database === undefined) return
    try {
      const made = await database.create(COLUMNS)
      const table = tableOf(made, { action: 'update', keys: ['id'] })
      await writeWell(database.executor, table, [{ id: 0, name: 'before' }])
      const hold = await database.hold?.(made)
      const executor = database.executor.withRetry({ maxAttempts: 100, backoffBase: 100, maxBackoff: 200 })
      const writing = writeAll(
        executor,
        table,
        range(1000).map((id) => ({ id, name: 'after' })),
      )
      while (hold !== undefined && (await hold.running()) === 0);
      await database.crash()
      await hold?.release().catch(() => undefined) // its connection is gone as well
      await database.start()
      const written = await writing
      assert.equal([written.summary.committed, written.summary.failed], [1000, 0])
      assert.equal([...new Set(written.errors)], ['retry:connection'])
      assert.is(await made.count(), 1000)
    } finally {
      await database.close()
    }
  })
}

async function whileHeld(database: Database, made: TestTable, work: (hold: Hold) => Promise<void>): Promise<void> {
  const hold = await database.hold!(made)
  try {
    await work(hold)
  } finally {
    await hold.release()
  }
}
