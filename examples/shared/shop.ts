import { ClosedError, defineTable, FullError, RowFailedError } from 'batchflow-otel'

/** What the services of these examples write: views, which nobody waits for, and orders, which somebody does. */
export interface View {
  readonly product: string
  readonly at: Date
}

export interface Order {
  readonly id: string
  readonly product: string
  readonly quantity: number
}

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS views (product text NOT NULL, at timestamptz NOT NULL);
  CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, product text NOT NULL, quantity integer NOT NULL)`

export const views = defineTable<View>('views', { columns: ['product', 'at'] })
export const orders = defineTable<Order>('orders', { columns: ['id', 'product', 'quantity'] })

/** The status for whoever sent a row that was not taken, or not written. */
export function statusOf(error: unknown): number {
  if (error instanceof ClosedError || error instanceof FullError) return 503
  return error instanceof RowFailedError && error.reason === 'duplicate_key' ? 409 : 500
}
