import { writeSync } from 'node:fs'
import { counted } from '../support/text.ts'
import { WeakCollection } from '../support/weak-collection.ts'

/** A flow as the end of the process sees it. */
export interface Watched {
  /** Rows accepted and not settled, by table; `inFlight` of them may be written. */
  unsettled(): Iterable<{ readonly table: string; readonly rows: number; readonly inFlight: number }>
}

/** Tables named one by one. */
const MOST_TABLES = 10

/**
 * Says what is lost when the process ends, by `process.exit()` or because nothing keeps it alive, while rows of flows are not
 * settled. One listener for all flows, and none when there is no flow.
 */
export class ExitWatch {
  readonly #flows = new WeakCollection<Watched>()
  /** What keeps flows with rows in flight: their client may have forgotten them, and rows that wait have a timer. */
  readonly #held = new Set<object>()
  /** Asked instead of how many flows there are: some may have been collected. */
  #listening = false
  readonly #onExit = () => this.#tell()

  join(flow: Watched): void {
    this.#flows.add(flow)
    if (this.#listening) return
    this.#listening = true
    process.on('exit', this.#onExit)
  }

  leave(flow: Watched): void {
    this.#flows.delete(flow)
    if (this.#flows.size > 0) return
    this.#listening = false
    process.off('exit', this.#onExit)
  }

  /** Keeps `part`, and with it its flow, from being collected. */
  hold(part: object): void {
    this.#held.add(part)
  }

  release(part: object): void {
    this.#held.delete(part)
  }

  #tell(): void {
    const line = lineOf([...this.#flows].flatMap((flow) => [...flow.unsettled()]))
    if (line === undefined) return
    try {
      writeSync(2, line) // in a worker thread, too
    } catch {} // stderr is closed: there is nobody to tell
  }
}

/** `undefined`: nothing is lost. */
function lineOf(unsettled: readonly { table: string; rows: number; inFlight: number }[]): string | undefined {
  const tables = new Map<string, number>()
  let [all, inFlight] = [0, 0]
  for (const { table, rows, inFlight: travelling } of unsettled) {
    tables.set(table, (tables.get(table) ?? 0) + rows)
    all += rows
    inFlight += travelling
  }
  if (all === 0) return undefined
  const largest = [...tables].sort(([, a], [, b]) => b - a)
  const named = largest.slice(0, MOST_TABLES).map(([table, rows]) => `${rows} of ${JSON.stringify(table)}`)
  if (largest.length > MOST_TABLES) named.push(`others of ${counted(largest.length - MOST_TABLES, 'more table')}`)
  const travelling = inFlight === 0 ? '' : `, unless the database took those that were in flight (${inFlight})`
  return (
    `batchflow-otel: the process ends with ${counted(all, 'row')} accepted and not settled, ${named.join(', ')}: ` +
    `lost${travelling}. Await flow.close() first, or use closeOnSignals(flow).\n`
  )
}

/** One per process: the CommonJS and the ESM copy of this package share it. */
const KEY = Symbol.for('batchflow-otel.exit-watch.1')
const globals = globalThis as { [KEY]?: ExitWatch }
globals[KEY] ??= new ExitWatch()
export const exitWatch: ExitWatch = globals[KEY]
