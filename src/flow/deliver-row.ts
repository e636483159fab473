import type { Row, Table } from '../contract/table.ts'
import type { Waiter } from '../lanes/waiter.ts'
import { type BatchFlow, insideOf } from './batch-flow.ts'
import type { Given } from './call.ts'

/** As `deliver` of a flow, for those who keep rows that failed, and who leave its door when rows before theirs come again. */
export function deliverRow(
  flow: BatchFlow,
  table: Table,
  row: Row,
  waiter: Waiter,
  { given, signal }: { readonly given: Given; readonly signal: AbortSignal },
): Promise<void> {
  const { intake, lanes } = insideOf(flow)
  try {
    return intake.submit(lanes.of(table), row, waiter, signal, given)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Rows that a waiter of {@link deliverRow} kept come no more. */
export function letRowsGo(flow: BatchFlow, table: Table, rows: number): void {
  insideOf(flow).lanes.of(table).letGo(rows, false)
}
