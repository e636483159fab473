import type { TableMetrics } from '../contract/metrics-reporter.ts'
import { isTable, type Table } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import { Limit } from '../support/limit.ts'
import { FifoLane } from './fifo-lane.ts'
import { KeyedLane } from './keyed-lane.ts'
import type { Lane, LaneHost } from './lane.ts'
import { ReadyLane } from './ready-lane.ts'
import { Tally } from './tally.ts'

/** Who watches the lanes made from now on. */
export interface LaneObservers {
  /** Makes what records one table; `undefined` where nothing is recorded. */
  readonly metrics: { table(name: string): TableMetrics | undefined } | undefined
  readonly tracing: FlowTracing | undefined
}

/** Tables of tenants, days or shards come and go; the lanes of so many are kept for the next row. */
const MOST_IDLE = 1000

/** The lanes of a flow: one for each table definition, made when its first row comes. */
export class Lanes {
  readonly #host: LaneHost
  readonly #observers: () => LaneObservers
  /** Lanes that got rows since they were last flushed. */
  readonly waiting = new Set<Lane>()
  readonly #byId = new Map<string, Lane>()
  readonly #byTable = new WeakMap<Table, Lane>()
  /** Lanes that were idle when last looked at, the longest idle one first. */
  readonly #idle = new Set<Lane>()
  /** What became of rows of lanes that are dropped. */
  readonly #dropped = new Tally()
  #lastTable: Table | undefined
  #lastLane: Lane | undefined

  constructor(host: Omit<LaneHost, 'waiting'>, observers: () => LaneObservers) {
    this.#host = { ...host, waiting: this.waiting }
    this.#observers = observers
  }

  /** @throws {OptionError} when `table` was not made by `defineTable` */
  of(table: Table): Lane {
    if (this.#lastLane !== undefined && table === this.#lastTable) return this.#lastLane
    const known = this.#byTable.get(table)
    const lane = known !== undefined && this.#byId.get(table.id) === known ? known : this.#find(table)
    this.#lastTable = table
    this.#lastLane = lane
    return lane
  }

  /** The lane of batches of `table` that come ready-made. @throws {OptionError} when `table` was not made by `defineTable` */
  ready(table: Table): ReadyLane {
    isTable('table', table)
    const known = this.#byId.get(readyId(table))
    if (known instanceof ReadyLane) return known
    const lane = new ReadyLane(table, this.#host)
    this.#add(readyId(table), lane)
    return lane
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#byId.values()
  }

  /** Batches are to have so many rows from now on. */
  resize(rows: number): void {
    this.#host.limit = new Limit(rows, this.#host.limit.bytes)
    for (const lane of this) lane.resize()
  }

  /** What became of all rows, those of dropped lanes among them. */
  total(): Tally {
    const total = new Tally()
    total.add(this.#dropped)
    for (const { tally } of this) total.add(tally)
    return total
  }

  /** Rows accepted and not settled, by table; `inFlight` of them may be written. */
  *unsettled(): Iterable<{ readonly table: string; readonly rows: number; readonly inFlight: number }> {
    for (const { table, queued, tally } of this) {
      const rows = queued + tally.inFlight
      if (rows > 0) yield { table: table.name, rows, inFlight: tally.inFlight }
    }
  }

  /** The lane that would leave the fullest batch, if any would, when none has anything due. */
  fullest(): Lane | undefined {
    let fullest: Lane | undefined
    for (const lane of this.waiting) {
      if (lane.fill > (fullest?.fill ?? 0)) fullest = lane
    }
    return fullest
  }

  /** The lane whose oldest row has waited longest, if any row waits. */
  oldest(): Lane | undefined {
    let oldest: Lane | undefined
    for (const lane of this.#byId.values()) {
      if (lane.oldest < (oldest?.oldest ?? Number.POSITIVE_INFINITY)) oldest = lane
    }
    return oldest
  }

  /** A batch of `lane` was settled: of the lanes that are idle then only the last ones are kept. */
  settled(lane: Lane): void {
    this.#idle.delete(lane)
    if (!lane.idle) return
    this.#idle.add(lane)
    if (this.#idle.size <= MOST_IDLE) return
    const [oldest] = this.#idle
    this.#idle.delete(oldest!)
    if (oldest!.idle) this.#drop(oldest!)
  }

  #drop(lane: Lane): void {
    lane.dispose()
    this.#dropped.add(lane.tally)
    this.waiting.delete(lane)
    if (lane instanceof ReadyLane) {
      this.#byId.delete(readyId(lane.table))
      return
    }
    this.#byId.delete(lane.table.id)
    this.#byTable.delete(lane.table)
    if (this.#lastLane === lane) this.#lastLane = undefined
  }

  #find(table: Table): Lane {
    isTable('table', table)
    let lane = this.#byId.get(table.id)
    if (lane === undefined) {
      lane = table.keys.length > 0 ? new KeyedLane(table, this.#host) : new FifoLane(table, this.#host)
      this.#add(table.id, lane)
    }
    this.#byTable.set(table, lane)
    return lane
  }

  #add(id: string, lane: Lane): void {
    const { metrics, tracing } = this.#observers()
    lane.observe(metrics?.table(lane.table.name), tracing)
    this.#byId.set(id, lane)
  }
}

/** What no definition of a table has for an id. */
function readyId(table: Table): string {
  return `ready ${table.id}`
}
