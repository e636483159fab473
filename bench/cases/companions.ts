import { BatchFlow, createExecutor, type Driver, type Executor } from 'batchflow-otel'
import { PostgresDriver } from 'batchflow-otel/postgres'
import type pg from 'pg'
import type { Bench } from '../support/case.ts'
import type { Contender } from '../support/compare.ts'
import { events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { BATCH_SIZES, CONNECTIONS, eventTable, withPostgres } from '../support/postgres.ts'

/** What it costs to commit something together with each batch: a token, or the position of a log. */
export default (bench: Bench) =>
  withPostgres(['bench_companions', 'bench_tokens', 'bench_positions'], async (pool) => {
    for (const size of BATCH_SIZES) {
      const title = `append to PostgreSQL, and what is committed together, batches of ${size}`
      await bench.compare(title, await contenders(pool, bench.settings.rows, size), [
        { name: `companion token ${size}`, target: '≥ 0.97', of: ['verify', 'alone'] },
        { name: `companion position ${size}`, target: '≥ 0.95', of: ['position', 'alone'] },
      ])
    }
  })

/** Rows appended with a token in every batch, with a position in every batch, and alone. */
async function contenders(pool: pg.Pool, count: number, size: number): Promise<Contender[]> {
  const table = await eventTable(pool, 'bench_companions')
  const rows = events(count, count)
  const names = { positions: 'bench_positions', tokens: 'bench_tokens' }
  const driver = new PostgresDriver(pool, { companions: names })
  await driver.companions!.prepare(signal)
  const positions = await driver.companions!.claim(SCOPES, signal)
  const before = () => pool.query('TRUNCATE bench_companions, bench_tokens')
  const flow = (name: string, executor: Executor) => {
    const limited = executor.withConcurrencyLimit(CONNECTIONS)
    return flowContender({ name, rows: count, before }, new BatchFlow(limited, { flushSize: size }), (flow) =>
      oneByOne(flow, table, rows),
    )
  }
  return [
    flow('verify', createExecutor(driver).withRetry({ onAmbiguous: 'verify' })),
    flow('position', createExecutor(moving(driver, positions))),
    flow('alone', createExecutor(driver)),
  ]
}

const { signal } = new AbortController()
const SCOPES = Array.from({ length: CONNECTIONS }, (_, i) => `bench ${i}`)

/** The driver with a position in each of its batches, as a worker that reads a log has: one batch in flight for each. */
function moving(driver: Driver, positions: ReadonlyMap<string, string>): Driver {
  const free = Array.from(positions, ([scope, at]) => ({ scope, at }))
  const next = (at: string) => `${Number(at) + 1}`
  const moveOf = ({ scope, at }: { scope: string; at: string }) => {
    return { kind: 'move', scope, expected: at, value: next(at) } as const
  }
  return {
    name: driver.name,
    plan: (batch, context) =>
      driver.plan(batch, { ...context, isolate: false, companion: moveOf({ scope: '', at: '' }) }),
    run: async (operation, context) => {
      const position = free.pop()!
      const failures = await driver.run(operation, { ...context, isolate: false, companion: moveOf(position) })
      position.at = next(position.at)
      free.push(position)
      return failures
    },
  }
}
