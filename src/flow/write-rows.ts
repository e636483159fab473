import type { Change } from '../contract/deletion.ts'
import type { Row, Table } from '../contract/table.ts'
import type { FailedRow, WriteOptions, WriteResult } from '../contract/write-result.ts'
import type { Executor } from '../executor/executor.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { BatchFlow } from './batch-flow.ts'

/** All rows of a write are there at once: up to so many leave together, and the rest does not wait for more. */
const FLUSH = { flushSize: 10_000, flushInterval: 0 }

/** One flow serves all writes of an executor: its telemetry is opened once. It holds nothing between them, and ends with it. */
const flows = new WeakMap<Executor, BatchFlow>()

function flowOf(executor: Executor): BatchFlow {
  let flow = flows.get(executor)
  if (flow === undefined) flows.set(executor, (flow = new BatchFlow(executor, FLUSH)))
  return flow
}

/** Writes rows, and resolves when all are settled. */
export async function writeRows<R extends Row>(
  executor: Executor,
  table: Table<R>,
  rows: readonly Change<NoInfer<R>>[],
  options?: WriteOptions,
): Promise<WriteResult<Change<R>>> {
  const results = await flowOf(executor).writeMany(table, rows, options)
  const failed: FailedRow<Change<R>>[] = []
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') failed.push({ row: rows[index]!, index, error: result.reason as BatchFlowError })
  }
  return { committed: results.length - failed.length, failed }
}
