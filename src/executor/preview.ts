import type { Driver, Operation } from '../contract/driver.ts'
import { RowFailedError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import { coalesce } from '../lanes/coalesce.ts'
import { BatchFlowError } from '../support/batchflow-error.ts'
import { fieldOf } from '../support/field.ts'
import { fingerprint } from '../support/fingerprint.ts'
import { boolean, type OptionsOf, optional, parse } from '../support/validate.ts'
import { judge } from './classify.ts'
import { Part } from './part.ts'
import { plan } from './plan.ts'
import { shapesOf } from './shapes.ts'

/** What one batch of rows would do. */
export interface Preview {
  readonly table: string
  /** Rows that would be written. */
  readonly rows: number
  /** Rows that would be merged into others of the same conflict key. */
  readonly coalesced: number
  readonly operations: readonly OperationPreview[]
}

export interface OperationPreview {
  /** `INSERT`, `COPY`, `PIPELINE HSET`. */
  readonly name: string
  /** SQL or commands, without any value. */
  readonly text: string
  readonly rows: number
  /** Values sent: rows × columns. */
  readonly arguments: number
  /** Equal for equal texts, in any process: 16 hexadecimal digits. */
  readonly fingerprint: string
  /** The values by row, in the order of the columns; only when asked for. */
  readonly values?: readonly (readonly unknown[])[]
}

export interface PreviewOptions {
  /** Show the values too. @default false */
  readonly values?: boolean
}

const PREVIEW = { values: optional(boolean, false) } satisfies OptionsOf<PreviewOptions>

/** Plans a batch of `rows` and lets it go. A driver may ask the database about the table; nothing is written. */
export async function preview(
  driver: Driver,
  table: Table,
  rows: readonly Row[],
  options: PreviewOptions = {},
): Promise<Preview> {
  const { values } = parse('preview', PREVIEW, options)
  const batches = coalesce(table, rows)
  const written = batches.reduce((sum, batch) => sum + batch.length, 0)
  const operations: OperationPreview[] = []
  const { signal } = new AbortController()
  for (const shape of batches.flatMap((batch) => shapesOf(table, batch))) {
    const part = new Part(table, shape)
    const operation = await planned(driver, part, signal)
    operations.push(describe(operation, part, values))
    operation.release?.()
  }
  return { table: table.name, rows: written, coalesced: rows.length - written, operations }
}

/** @throws {RowFailedError} for what a batch would fail with */
async function planned(driver: Driver, part: Part, signal: AbortSignal): Promise<Operation> {
  try {
    return await plan(driver, part, { signal })
  } catch (error) {
    if (error instanceof BatchFlowError) throw error
    const { reason, code, cause, isolate, detail } = judge(error, undefined, driver)
    const fault = isolate === true ? 'row' : 'place'
    const details = { reason, attempts: 0, cause, databaseCode: code, fault, ambiguous: false, detail } as const
    throw new RowFailedError(part.table.name, details)
  }
}

function describe({ name, text }: Operation, { rows, columns }: Part, values: boolean): OperationPreview {
  return {
    name,
    text,
    rows: rows.length,
    arguments: rows.length * columns.length,
    fingerprint: fingerprint(text),
    ...(values && { values: rows.map((row) => columns.map((column) => fieldOf(row, column))) }),
  }
}
