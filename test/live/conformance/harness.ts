import { RowFailedError } from '../../../src/contract/errors.ts'
import { defineTable, type OnConflict, type Table } from '../../../src/contract/table.ts'
import type { Executor } from '../../../src/executor/executor.ts'
import { BatchFlow } from '../../../src/flow/batch-flow.ts'
import type { BatchFlowOptions } from '../../../src/flow/options.ts'
import type { CloseSummary } from '../../../src/flow/outcomes.ts'
import type { Receipt } from '../../../src/lanes/waiter.ts'
import { type Call, RecordingReporter } from '../../support/engine/recording-reporter.ts'
import type { AnyRow, TestTable } from './backend.ts'

export interface Written {
  readonly results: readonly PromiseSettledResult<Receipt>[]
  readonly summary: CloseSummary
  /** Everything the reporter was told. */
  readonly calls: readonly Call[]
  /** `retry:<reason>` and `final:<reason>`, in order. */
  readonly errors: readonly string[]
}

export function tableOf({ name, columns }: TestTable, onConflict: OnConflict<AnyRow> = { action: 'error' }): Table {
  return defineTable<AnyRow>(name, { columns, onConflict })
}

/** Writes rows through a flow of their own, and waits until they are settled and the flow is closed. */
export async function writeAll(
  executor: Executor,
  table: Table,
  rows: readonly object[],
  options: BatchFlowOptions = {},
): Promise<Written> {
  const reporter = new RecordingReporter()
  const size = { flushSize: Math.max(rows.length, 1), bufferSize: Math.max(rows.length, 1) }
  const flow = new BatchFlow(executor.withMetricsReporter(reporter), { ...size, ...options })
  const results = await flow.writeMany(table as Table<object>, rows)
  const summary = await flow.close()
  return { results, summary, calls: reporter.calls, errors: errorsOf(reporter) }
}

/** The statement of a batch of one row, and its values. */
export async function statementOf(
  executor: Executor,
  table: Table,
  row: AnyRow,
): Promise<{ readonly text: string; readonly values: readonly unknown[] }> {
  const { operations } = await executor.preview(table as Table<AnyRow>, [row], { values: true })
  const [{ text, values } = { text: '' }] = operations
  return { text, values: (values?.[0] ?? []).map((value) => value ?? null) }
}

export function errorsOf(reporter: RecordingReporter): string[] {
  return reporter.of('countError').map(([kind, reason]) => `${kind}:${reason}`)
}

/** Throws the first error there is. */
export async function writeWell(
  executor: Executor,
  table: Table,
  rows: readonly object[],
  options?: BatchFlowOptions,
): Promise<Written> {
  const written = await writeAll(executor, table, rows, options)
  for (const result of written.results) if (result.status === 'rejected') throw causeOf(result.reason)
  return written
}

/** What failed, by its place: `{ 3: 'duplicate_key' }`. */
export function reasonsOf({ results }: Written): Record<number, string> {
  const failed = results.flatMap((result, i) => (result.status === 'rejected' ? [[i, result.reason] as const] : []))
  return Object.fromEntries(failed.map(([i, error]) => [i, error instanceof RowFailedError ? error.reason : error]))
}

function causeOf(error: unknown): unknown {
  return error instanceof RowFailedError ? error.cause : error
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
