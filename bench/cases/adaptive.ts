import { setTimeout as pause } from 'node:timers/promises'
import { type AdaptiveProbe, BatchFlow, type BatchFlowOptions, type FlowProbe, type Table } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import pg from 'pg'
import type { Bench } from '../support/case.ts'
import { type Contender, type Cost, compare, Elsewhere, median } from '../support/compare.ts'
import { type Event, events } from '../support/events.ts'
import { flowContender } from '../support/flow-contender.ts'
import { type Line, speedOf, thousands } from '../support/line.ts'
import { eventTable, withPostgres } from '../support/postgres.ts'
import { SlowLine } from '../support/slow-line.ts'

const TABLE = 'bench_adaptive'
/** The settings that stand still. */
const SIZES = [500, 1000, 2000, 4000]
const CONCURRENCIES = [1, 2, 4, 8]
const SOME = [500, 2000] // where it is to be quick
const MOST = Math.max(...CONCURRENCIES)
/** How many of them are compared with the flow. */
const FINALISTS = 4

const ROWS = events(50_000)
/** ms that are measured of a turn, and ms before. */
const TURN = 400
const RUN_UP = 200

/** ms without another decision after which a flow is taken to have settled, and how long one waits for that at most. */
const THOROUGH = { calm: 40_000, patience: 150_000 }
const QUICK = { calm: 1000, patience: 3000 }

/** ms there and back to a database that is far away. */
const FAR = 10
/** Bytes per ms of the line whose capacity halves: about 120,000 rows a second, which is less than the database takes. */
const NARROW = { roundTrip: 2, capacity: 10_000 }

interface Setting {
  readonly flushSize: number
  readonly concurrency: number
}

type Fixed = readonly [flushSize: number, concurrency: number]

interface Scene {
  readonly bench: Bench
  readonly pool: pg.Pool
  readonly table: Table<Event>
}

/** Flush size and concurrency found by the flow, against the best of a sweep of those that stand still. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool, url) => {
    const table = await eventTable(pool, TABLE)
    await overLine(url, undefined, async (through) => {
      const scene = { bench, pool: through, table }
      const own = new Own(scene)
      await judge('direct', scene, own)
      await own.close()
    })
    await overLine(url, { roundTrip: FAR }, async (through) => {
      const scene = { bench, pool: through, table }
      const own = new Own(scene)
      await judge(`${FAR} ms away`, scene, own)
      await own.close()
    })
    await overLine(url, NARROW, async (through, line) => {
      const scene = { bench, pool: through, table }
      const own = new Own(scene)
      await judge('over a narrow line', scene, own)
      await line!.become({ ...NARROW, capacity: NARROW.capacity / 2 })
      await judge('the line is half as wide', scene, own)
      await own.close()
    })
  })

async function overLine(
  url: string,
  distance: Parameters<typeof SlowLine.open>[1] | undefined,
  act: (pool: pg.Pool, line: SlowLine | undefined) => Promise<void>,
): Promise<void> {
  const line = distance && (await SlowLine.open(url, distance))
  const pool = new pg.Pool({ connectionString: line?.url ?? url, max: MOST })
  await act(pool, line)
  await pool.end()
  await line?.close()
}

/** A flow that finds its settings, and what it has decided for after each turn. */
class Own {
  /** Without its end: the flow lives through several comparisons. */
  readonly contender: Contender
  decided: Setting[] = []
  readonly #whole: Contender
  #probe: AdaptiveProbe | undefined

  constructor(scene: Scene) {
    const open = ({ adaptive }: FlowProbe): undefined => {
      this.#probe = adaptive
    }
    this.#whole = contenderOf('adaptive', scene, MOST, { adaptive: true }, { open })
    const { close: _, ...contender } = this.#whole
    this.contender = { ...contender, run: () => this.#turn() }
  }

  async #turn(): Promise<unknown> {
    const took = await this.#whole.run()
    const { flushSize, concurrency } = this.#probe!
    this.decided.push({ flushSize, concurrency })
    return took
  }

  get setting(): string {
    const { flushSize, concurrency } = this.decided.at(-1)!
    return `${flushSize} × ${concurrency}`
  }

  /** Takes turns until nothing was decided for a while; returns how many s it took until the last decision. */
  async settle(bench: Bench): Promise<number> {
    const { calm, patience } = bench.settings.quick ? QUICK : THOROUGH
    const began = performance.now()
    let [since, last] = [began, '']
    while (performance.now() < Math.min(began + patience, since + calm)) {
      await this.contender.before!()
      await this.contender.run()
      if (this.setting === last) continue
      since = performance.now()
      last = this.setting
      bench.say(`    after ${((since - began) / 1000).toFixed(1)} s: ${last}`)
    }
    this.decided = []
    return (since - began) / 1000
  }

  async close(): Promise<void> {
    await this.#whole.close!()
  }
}

/** Lets the flow settle, sweeps what stands still, and adds a line for its pace beside the best, and one for its swing. */
async function judge(name: string, scene: Scene, own: Own): Promise<void> {
  const { bench } = scene
  bench.say(`${name}: a flow that finds its settings`)
  const found = (await own.settle(bench)).toFixed(0)
  const finalists = (await sweep(scene)).map((setting) => fixedContender(scene, setting))
  const costs = await compare([own.contender, ...finalists], bench.settings.rounds)
  for (const [who, taken] of costs) bench.say(`  ${who.padEnd(10)} ${thousands(1e6 / timeOf(taken))} rows/s`)
  const [best] = finalists.map((finalist) => finalist.name).sort(by((who) => timeOf(costs.get(who)!)))
  const speed = speedOf(costs, [own.contender.name, best!], bench.settings.yardstick)
  const figures = `${speed.figures}; ${own.setting}, found after ${found} s, against ${best}`
  const swing = Math.max(...(['flushSize', 'concurrency'] as const).map((what) => swingOf(own.decided, what)))
  bench.add({ name: `adaptive, ${name}`, target: '≥ 0.95', ...speed, figures })
  bench.add({ ...still(name, swing), cpu: speed.cpu, cpuOther: speed.cpuOther })
}

function still(name: string, swing: number): Omit<Line, 'cpu' | 'cpuOther'> {
  return { name: `adaptive, ${name}: swing`, target: '≤ 0.2', ratio: swing, spread: 0, figures: 'once it has settled' }
}

/** The settings that come first when each had its turns, to be compared once more. */
async function sweep(scene: Scene): Promise<readonly Fixed[]> {
  const settings = (scene.bench.settings.quick ? SOME : SIZES).flatMap((size) =>
    CONCURRENCIES.map((concurrency): Fixed => [size, concurrency]),
  )
  const costs = await compare(
    settings.map((setting) => fixedContender(scene, setting)),
    1,
  )
  const sorted = settings.sort(by((setting) => timeOf(costs.get(nameOf(setting))!)))
  const slowest = sorted.at(-1)!
  scene.bench.say(`  slowest: ${nameOf(slowest)} ${thousands(1e6 / timeOf(costs.get(nameOf(slowest))!))} rows/s`)
  return sorted.slice(0, FINALISTS)
}

function timeOf(costs: readonly Cost[]): number {
  return median(costs.map(({ time }) => time))
}

function by<T>(of: (one: T) => number): (one: T, other: T) => number {
  return (one, other) => of(one) - of(other)
}

function nameOf([flushSize, concurrency]: Fixed): string {
  return `${flushSize} × ${concurrency}`
}

function fixedContender(scene: Scene, setting: Fixed): Contender {
  const [flushSize, concurrency] = setting
  return contenderOf(nameOf(setting), scene, concurrency, { flushSize })
}

function contenderOf(
  name: string,
  { pool, table }: Scene,
  concurrency: number,
  options: BatchFlowOptions,
  reporter?: { open(flow: FlowProbe): undefined },
): Contender {
  const executor = postgresExecutor(pool).withConcurrencyLimit(concurrency)
  const flow = new BatchFlow(reporter === undefined ? executor : executor.withMetricsReporter(reporter), options)
  const before = () => pool.query(`TRUNCATE ${TABLE}`)
  const contender = flowContender({ name, rows: ROWS.length, before }, flow, async () => {})
  return { ...contender, run: () => steadily(flow, table) }
}

/** A turn. How long it takes until there is as much under way as there can be, and until the last is written, is left out. */
async function steadily(flow: BatchFlow, table: Table<Event>): Promise<Elsewhere> {
  let isOpen = true
  const submit = async () => {
    for (let i = 0; isOpen; i++) await flow.submit(table, ROWS[i % ROWS.length]!)
  }
  const submitted = submit()
  await pause(RUN_UP)
  const [at, used, before] = [performance.now(), process.cpuUsage(), flow.stats().committed]
  await pause(TURN)
  const { user, system } = process.cpuUsage(used)
  const share = ROWS.length / (flow.stats().committed - before)
  const seconds = (performance.now() - at) / 1000
  isOpen = false
  await submitted
  await flow.flush()
  return new Elsewhere({ seconds: seconds * share, cpu: (user + system) * share })
}

/** By how large a part of the largest value the others differ at most. */
function swingOf(decided: readonly Setting[], what: keyof Setting): number {
  const values = decided.map((setting) => setting[what])
  return 1 - Math.min(...values) / Math.max(...values)
}
