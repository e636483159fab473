import { type AttemptContext, AttemptError, type BatchInput, type Driver } from '../contract/driver.ts'
import type { Table } from '../contract/table.ts'
import { check } from './check.ts'

/** The driver, but that it checks each table before it plans the first batch of it. One that does not fit is looked at again. */
export function checkedDriver(driver: Driver): Driver {
  const fitting = new WeakSet<Table>()
  const look = async (table: Table, { signal }: AttemptContext) => {
    await check(driver, table, signal).catch(withoutEffect)
    fitting.add(table)
  }
  const plan = (batch: BatchInput, attempt: AttemptContext) =>
    fitting.has(batch.table)
      ? driver.plan(batch, attempt)
      : look(batch.table, attempt).then(() => driver.plan(batch, attempt))
  return new Proxy(driver, {
    get: (_, name) => {
      const own: unknown = name === 'plan' ? plan : Reflect.get(driver, name)
      return typeof own === 'function' ? own.bind(driver) : own
    },
  })
}

/** Nothing of a batch was sent, whatever became of the question. */
function withoutEffect(error: unknown): never {
  throw error instanceof AttemptError ? error : new AttemptError(error, { ambiguous: false })
}
