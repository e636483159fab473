import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { cpuOf } from '../cpu-of.ts'
import type { Crew } from './crew.ts'

/** What one turn came to. CPU in µs a row. */
export interface Turn {
  /** Rows per second. */
  readonly rate: number
  readonly cpu: number
  /** Of the broker; `undefined` where it cannot be known. */
  readonly broker: number | undefined
}

/** How the log of a contender gets its rows. */
export interface Filling {
  /** Under which these turns are added up. */
  readonly name: string
  fill(rows: number): Promise<unknown>
}

export interface Contender {
  readonly name: string
  readonly rows: number
  readonly table: string
  readonly crew: Crew
  /** Without one the crew is told to go. */
  readonly filling: Filling | undefined
}

export interface Measured {
  readonly filling: Turn | undefined
  readonly writing: Turn
}

/** How long a turn may last, in ms: a consumer by hand may never read again once it was halted. */
const PATIENCE = 120_000

/**
 * One turn: the log is filled while nobody reads, then read until all is committed. `undefined` where rows were doubled, `stuck`
 * where it did not get so far.
 */
export async function turnOf(
  contender: Contender,
  pool: pg.Pool,
  broker: number | undefined,
): Promise<Measured | 'stuck' | undefined> {
  const { rows, table, crew, filling } = contender
  await pool.query(`TRUNCATE ${table}`)
  const before = await crew.used()
  let filled: Turn | undefined
  if (filling !== undefined) {
    crew.halt()
    const stop = stopwatch(rows, broker)
    const own = process.cpuUsage()
    await filling.fill(rows)
    const { user, system } = process.cpuUsage(own)
    filled = stop(user + system)
    await sleep(50) // what the broker does afterwards
  }
  const stop = stopwatch(rows, broker)
  if (filling === undefined) crew.go(rows)
  else crew.goOn()
  const late = sleep(PATIENCE, 'stuck' as const, { ref: false })
  if ((await Promise.race([crew.until(before.rows + rows), late])) === 'stuck') return 'stuck'
  const writing = stop(crew.cpu - before.cpu)
  if (!(await isWhole(contender, pool))) return undefined
  return { filling: filled, writing }
}

/** Doubled rows are allowed to those who acknowledge, and what they cost is not what is measured. @throws when rows are missing */
async function isWhole({ name, rows, table }: Contender, pool: pg.Pool): Promise<boolean> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await sleep(100)) {
    const found = await pool.query(`SELECT count(*)::int AS all, count(DISTINCT id)::int AS different FROM ${table}`)
    const { all, different } = found.rows[0]
    if (different < rows) continue
    if (all > rows) console.error(`  ${name}: a turn is left out, as ${all - rows} rows of it were doubled`)
    return all === rows
  }
  throw new Error(`${name}: rows are missing`)
}

function stopwatch(rows: number, broker: number | undefined): (cpu: number) => Turn {
  const used = cpuOf(broker)
  const begun = performance.now()
  return (cpu) => {
    const seconds = (performance.now() - begun) / 1000
    const now = cpuOf(broker)
    const ofBroker = used === undefined || now === undefined ? undefined : (now - used) / rows
    return { rate: rows / seconds, cpu: cpu / rows, broker: ofBroker }
  }
}
