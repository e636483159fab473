import { setTimeout as pause } from 'node:timers/promises'

/** Something to measure: `run` handles `rows` rows. It lives through all rounds, as a service does. */
export interface Contender {
  readonly name: string
  readonly rows: number
  /** Not measured. */
  readonly before?: () => Promise<unknown>
  /** May resolve with an {@link Elsewhere}. */
  readonly run: () => Promise<unknown>
  /** After the last round. */
  readonly close?: () => Promise<unknown>
}

/** What a turn took that was run in another process, as that has measured it. */
export class Elsewhere {
  readonly seconds: number
  /** CPU time of that process, in µs. */
  readonly cpu: number

  constructor({ seconds, cpu }: { readonly seconds: number; readonly cpu: number }) {
    this.seconds = seconds
    this.cpu = cpu
  }
}

/** What a row took. */
export interface Cost {
  /** µs by the clock. */
  readonly time: number
  /** µs of CPU time of the contender's process, its collector's and compiler's threads included: true on a busy machine as well. */
  readonly cpu: number
}

/** The costs of each contender, one for each round. */
export type Costs = ReadonlyMap<string, readonly Cost[]>

/**
 * Lets the contenders take turns, in each round there and back (ABBA), so that whatever becomes slower meanwhile does so for
 * all; after one round that is not measured.
 */
export async function compare(contenders: readonly Contender[], rounds: number): Promise<Costs> {
  const costs = new Map<string, Cost[]>(contenders.map(({ name }) => [name, []]))
  const turns = [...contenders, ...[...contenders].reverse()]
  for (let round = 0; round <= rounds; round++) {
    const taken = new Map<string, Cost[]>()
    for (const contender of turns) {
      const cost = await measure(contender)
      taken.set(contender.name, [...(taken.get(contender.name) ?? []), cost])
    }
    if (round > 0) for (const [name, both] of taken) costs.get(name)!.push(mean(both))
  }
  for (const { close } of contenders) await close?.()
  return costs
}

async function measure({ rows, before, run }: Contender): Promise<Cost> {
  await before?.()
  // The young generation only: a full collection makes V8 discard optimized code that refers to something that died, and
  // every turn would measure the compiler.
  globalThis.gc?.({ type: 'minor' })
  await pause(20)
  const start = performance.now()
  const used = process.cpuUsage()
  const took = await run()
  if (took instanceof Elsewhere) return { time: (took.seconds * 1e6) / rows, cpu: took.cpu / rows }
  const { user, system } = process.cpuUsage(used)
  return { time: ((performance.now() - start) * 1000) / rows, cpu: (user + system) / rows }
}

function mean(costs: readonly Cost[]): Cost {
  const of = (what: keyof Cost) => costs.reduce((sum, cost) => sum + cost[what], 0) / costs.length
  return { time: of('time'), cpu: of('cpu') }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Between two values that are there: in proportion. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!]
  return low + (high - low) * (place - below)
}
