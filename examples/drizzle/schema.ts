import { fromDrizzle } from 'batchflow-otel/schema'
import { integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** For Drizzle, which reads and migrates. */
export const orders = pgTable('orders', {
  id: uuid().primaryKey(),
  product: text().notNull(),
  quantity: integer().notNull(),
})

export const views = pgTable('views', {
  product: text().notNull(),
  at: timestamp({ withTimezone: true }).notNull(),
})

/** For the flow, which writes: a column that is added above is written from then on. */
export const ordersTable = fromDrizzle(orders)
export const viewsTable = fromDrizzle(views)
