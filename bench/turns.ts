import { setTimeout as pause } from 'node:timers/promises'
import type { Contender } from './support/compare.ts'

/** Rows per second by contender. */
export type Medians = Record<string, number>

/** Lets the contenders take turns, after one unmeasured turn each; prints and returns their medians. */
export async function alternate(contenders: readonly Contender[], repetitions: number): Promise<Medians> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  const costs = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let turn = 0; turn <= repetitions; turn++) {
    // Every other turn backwards, so that nobody always comes right after the same neighbour.
    for (const contender of turn % 2 === 0 ? contenders : [...contenders].reverse()) {
      const { rate, cpu } = await measure(contender)
      if (turn === 0) continue
      rates.get(contender.name)!.push(rate)
      costs.get(contender.name)!.push(cpu)
    }
  }
  for (const { close } of contenders) await close?.()
  const medians = Object.fromEntries(Array.from(rates, ([name, values]) => [name, Math.round(median(values))]))
  print(medians, rates, costs)
  return medians
}

/** @returns rows per second, and CPU time per row (µs) of this process, which stays true on a busy machine */
async function measure({ rows, before, run }: Contender): Promise<{ rate: number; cpu: number }> {
  await before?.()
  // The young generation only: a full collection makes V8 discard optimized code that refers to something that died, and
  // every turn would measure the compiler.
  globalThis.gc?.({ type: 'minor' })
  await pause(20)
  const start = performance.now()
  const used = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(used)
  return { rate: rows / ((performance.now() - start) / 1000), cpu: (user + system) / rows }
}

function print(medians: Medians, rates: Map<string, number[]>, costs: Map<string, number[]>): void {
  const [, reference] = Object.entries(medians).at(-1)!
  for (const [name, rate] of Object.entries(medians)) {
    const values = rates.get(name)!
    const spread = `${thousands(Math.min(...values))} … ${thousands(Math.max(...values))}`
    const ratio = (rate / reference).toFixed(2)
    const cpu = `${median(costs.get(name)!).toFixed(2)} µs CPU a row`
    console.error(
      `  ${name.padEnd(18)} ${thousands(rate).padStart(6)} rows/s  ${ratio.padStart(5)} ×  (${spread})  ${cpu}`,
    )
  }
}

function thousands(rate: number): string {
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(1)}M` : `${(rate / 1e3).toFixed(0)}k`
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >>> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
