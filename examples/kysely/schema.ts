import { fromKysely } from 'batchflow-otel/schema'

/** For Kysely, which reads. */
export interface Database {
  orders: { id: string; product: string; quantity: number }
  views: { product: string; at: Date }
}

/** For the flow, which writes: columns are held against the interface, and one that is required cannot be left out. */
export const orders = fromKysely<Database, 'orders'>('orders', { columns: ['id', 'product', 'quantity'] })
export const views = fromKysely<Database, 'views'>('views', { columns: ['product', 'at'] })
