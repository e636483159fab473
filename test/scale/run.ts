import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Publisher } from '../../src/sources/kit/publisher.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import type { Broker, Engine } from './engine.ts'
import { Fleet } from './fleet.ts'
import { createTables, type Tables, tablesIn } from './tables.ts'

export type Mode = 'broker' | 'database'

export interface Plan {
  readonly engine: Engine
  readonly mode: Mode
  /** The worker's. */
  readonly program: string
  /** Rows on `keys` keys, and half as many that are only added. */
  readonly rows: number
  readonly keys: number
  /** After how many ms it is given up. */
  readonly patience: number
  /** Things go wrong so many times more rarely than they should. */
  readonly pace: number
  /** URL of PostgreSQL. */
  readonly url: string
}

export interface Outcome {
  readonly published: number
  readonly seconds: number
  readonly kills: number
  readonly cuts: number
  readonly restarts: number
  /** Rows that were only added and are missing. */
  readonly lost: number
  /** Such rows that workers have written once more than they should have. */
  readonly doubled: number
  /** Such rows that are in the log once more than they were published, each of which is to be written. */
  readonly loggedTwice: number
  /** Keys whose row is not the last one that was published, missing ones among them. */
  readonly stale: number
  readonly complaints: readonly string[]
}

/** Rows of one call: about a dozen per message. */
const CALL = 100
/** Publishing takes at least so long, in ms: few rows must not be through before anything has gone wrong. */
const SPAN = 12_000
const KILL_EVERY = 2000
const CUT_EVERY = 700

/** One engine in one mode, while everything goes wrong. `undefined`: there is no server for it. */
export async function run(plan: Plan): Promise<Outcome | undefined> {
  const broker = await plan.engine.start()
  if (broker === undefined) return undefined
  const schema = `scale_${randomBytes(6).toString('hex')}`
  const pool = new pg.Pool({ connectionString: plan.url })
  const { hostname, port } = new URL(plan.url)
  const proxy = await FaultProxy.open(hostname, Number(port || 5432))
  const through = new URL(plan.url)
  through.host = `127.0.0.1:${proxy.port}`
  const fleet = new Fleet(plan.program, plan.engine.name, plan.mode, broker.config, through.href, schema)
  try {
    await createTables(pool, schema)
    return await play(plan, { broker, pool, proxy, fleet, schema })
  } finally {
    await fleet.close()
    await broker.close()
    await proxy.close()
    await pool.query(`DROP SCHEMA ${schema} CASCADE`)
    await pool.end()
  }
}

interface Stage {
  readonly broker: Broker
  readonly pool: pg.Pool
  readonly proxy: FaultProxy
  readonly fleet: Fleet
  readonly schema: string
}

async function play(plan: Plan, stage: Stage): Promise<Outcome> {
  const { fleet, pool, schema } = stage
  const begun = performance.now()
  const publisher = await plan.engine.publisher(stage.broker.config)
  await Promise.all([fleet.add(), fleet.add(), fleet.add()])
  const chaos = new Chaos(stage, plan.pace)
  const events = plan.rows / 2
  const publishing = publish(publisher.value, tablesIn(schema), plan)
  chaos.begin()
  await publishing
  await publisher.value.close()
  await publisher.close()
  const deadline = begun + plan.patience
  let counts = await count(pool, schema, plan)
  while ((counts.different < events || counts.stale > 0) && performance.now() < deadline) {
    await sleep(500)
    counts = await count(pool, schema, plan)
  }
  const seconds = (performance.now() - begun) / 1000
  await chaos.end()
  await sleep(1000)
  await fleet.close() // whatever is still under way is written, too
  const { all, messages, different, stale } = await count(pool, schema, plan)
  return {
    published: plan.rows + events,
    seconds,
    kills: fleet.kills,
    cuts: chaos.cuts,
    restarts: chaos.restarts,
    lost: events - different,
    doubled: all - messages,
    loggedTwice: messages - different,
    stale,
    complaints: fleet.complaints,
  }
}

/** In order, several rows a call; a few calls are under way at once. */
async function publish(publisher: Publisher, { users, events }: Tables, { rows, keys }: Plan): Promise<void> {
  const underWay = new Set<Promise<void>>()
  const begun = performance.now()
  for (let from = 0; from < rows; from += CALL) {
    const early = begun + (SPAN * from) / rows - performance.now()
    if (early > 1) await sleep(early)
    const some = Array.from({ length: Math.min(CALL, rows - from) }, (_, i) => from + i)
    const versions = some.map((version) => ({ id: version % keys, version, name: `user ${version}` }))
    const notes = some.filter((n) => n % 2 === 0).map((n) => ({ n: n / 2, note: `note ${n}` }))
    const call = Promise.all([publisher.publishMany(users, versions), publisher.publishMany(events, notes)]).then(
      () => void underWay.delete(call),
    )
    underWay.add(call)
    if (underWay.size >= 20) await Promise.race(underWay)
  }
  await Promise.all(underWay)
}

interface Counts {
  /** Rows that were only added. */
  readonly all: number
  /** Of them, those that differ in the row or in where it was in the log. */
  readonly messages: number
  readonly different: number
  readonly stale: number
}

async function count(pool: pg.Pool, schema: string, { rows, keys }: Plan): Promise<Counts> {
  const events = await pool.query(
    `SELECT sum(times)::int AS all, count(*)::int AS messages, count(DISTINCT n)::int AS different
     FROM (SELECT n, count(*) AS times FROM ${schema}.events GROUP BY n, at) AS each`,
  )
  const users = await pool.query(
    `SELECT count(*)::int AS right FROM ${schema}.users WHERE version = $1::int - 1 - (($1::int - 1 - id) % $2::int)`,
    [rows, keys],
  )
  return { ...events.rows[0], stale: Math.min(keys, rows) - users.rows[0].right }
}

/** Kills a worker 2 s after the last one was replaced, adds one after 5 s, kills the broker after 7 s, and cuts answers of the database all the while. */
class Chaos {
  cuts = 0
  restarts = 0
  readonly #stage: Stage
  readonly #pace: number
  readonly #controller = new AbortController()
  #all: Promise<unknown> = Promise.resolve()

  constructor(stage: Stage, pace: number) {
    this.#stage = stage
    this.#pace = pace
  }

  begin(): void {
    const { fleet, broker } = this.#stage
    this.#all = Promise.all([
      this.#every(KILL_EVERY, () => fleet.replaceOne()),
      this.#every(CUT_EVERY, () => this.#cut()),
      this.#once(5000, () => fleet.add()),
      this.#once(7000, async () => {
        if (broker.restart === undefined) return
        await broker.restart()
        this.restarts++
      }),
    ])
  }

  async end(): Promise<void> {
    this.#controller.abort()
    await this.#all
  }

  /** For a moment every request arrives, and no answer does. */
  async #cut(): Promise<void> {
    const { proxy } = this.#stage
    this.cuts++
    proxy.fault = 'reply'
    await sleep(20)
    proxy.fault = 'none'
  }

  async #every(milliseconds: number, act: () => Promise<void>): Promise<void> {
    while (await this.#pause(milliseconds)) await act()
  }

  async #once(milliseconds: number, act: () => Promise<void>): Promise<void> {
    if (await this.#pause(milliseconds)) await act()
  }

  /** False: it is over. */
  #pause(milliseconds: number): Promise<boolean> {
    const { signal } = this.#controller
    return sleep(milliseconds * this.#pace, true, { signal }).catch(() => false)
  }
}
