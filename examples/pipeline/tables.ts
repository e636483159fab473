import { defineTable } from 'batchflow-otel'

export interface View {
  readonly product: string
  readonly at: Date
}

export interface Order {
  readonly id: string
  readonly product: string
  readonly quantity: number
}

/** One after the other: of two workers that start at once, and both find a table missing, one would fail. */
export const SCHEMA = `
  SELECT pg_advisory_xact_lock(8082);
  CREATE TABLE IF NOT EXISTS views (product text NOT NULL, at timestamptz NOT NULL);
  CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, product text NOT NULL, quantity integer NOT NULL CHECK (quantity > 0))`

/** Plain inserts: each of them exactly once, as the position in the log is committed with them. */
export const views = defineTable<View>('views', { columns: ['product', 'at'] })

/** One key, one partition: the orders of one id are written in the order they were published. */
export const orders = defineTable<Order>('orders', {
  columns: ['id', 'product', 'quantity'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** What both sides must agree on. */
export const LOG = { stream: process.env['STREAM'] ?? 'shop', partitions: 8 }
