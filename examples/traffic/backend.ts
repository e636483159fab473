import { defineTable, type Executor, type Table } from 'batchflow-otel'

export interface Order {
  readonly id: number
  readonly customer: number
  readonly amount: number
}

/** A table that is written to all the time. */
export interface Feed {
  readonly table: Table<Order>
  readonly rowsPerSecond: number
  /** The row number `i`. */
  row(i: number): Order
}

/** One database as the traffic needs it. */
export interface Backend {
  readonly executor: Executor
  readonly feeds: readonly Feed[]
  /** Keeps writers out of the first feed's table while `work` runs. Absent where that would hold up other users, too. */
  readonly hold?: (work: () => Promise<void>) => Promise<void>
  /** Lets the database take no batch at all while `work` runs. Absent where that would hold up other users, too. */
  readonly shut?: (work: () => Promise<void>) => Promise<void>
  /** Empties tables that only grow. */
  trim(): Promise<void>
  close(): Promise<void>
}

export const CUSTOMERS = 500
/** One row in so many breaks the table's CHECK constraint. */
const BAD_EVERY = 20_000

/** An append-only table whose CHECK constraint refuses a row now and then. */
export function orders(name: string, rowsPerSecond: number): Feed {
  const table = defineTable<Order>(name, { columns: ['id', 'customer', 'amount'] })
  const amount = (i: number) => (i % BAD_EVERY === BAD_EVERY - 1 ? -1 : (i * 7) % 900)
  return { table, rowsPerSecond, row: (i) => ({ id: i, customer: i % CUSTOMERS, amount: amount(i) }) }
}

/** The latest order of each customer: a small table that is updated over and over, so that rows of one key meet while they wait and are merged. */
export function latest(name: string, rowsPerSecond: number): Feed {
  const table = defineTable<Order>(name, {
    columns: ['customer', 'id', 'amount'],
    onConflict: { action: 'update', keys: ['customer'] },
  })
  return { table, rowsPerSecond, row: (i) => ({ id: i, customer: (i * i) % CUSTOMERS, amount: i % 900 }) }
}
