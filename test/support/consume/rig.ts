import { consume } from '../../../src/consume/consume.ts'
import type { WorkerOptions } from '../../../src/consume/options.ts'
import type { Trouble } from '../../../src/consume/troubles.ts'
import type { Worker } from '../../../src/consume/worker.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { createExecutor, type Executor } from '../../../src/executor/executor.ts'
import { ManualClock, settled } from '../engine/clock.ts'
import { decodeRows, MemoryLog, MemorySource } from './memory-log.ts'
import { MemoryStore } from './memory-store.ts'

export interface Event {
  id: number
  value?: number
  bad?: boolean
}

const columns = ['id', 'value', 'bad'] as const

/** Plain inserts. */
export const events = defineTable<Event>('events', { columns })
/** The last one wins. */
export const states = defineTable<Event>('states', { columns, onConflict: { action: 'replace', keys: ['id'] } })
/** The first one wins. */
export const firsts = defineTable<Event>('firsts', { columns, onConflict: { action: 'ignore', keys: ['id'] } })

export interface WorkerRig {
  readonly log: MemoryLog
  readonly source: MemorySource
  readonly store: MemoryStore
  readonly clock: ManualClock
  readonly worker: Worker
  readonly troubles: Trouble[]
}

export interface RigOptions extends Partial<Omit<WorkerOptions, 'log' | 'clock'>> {
  readonly mode?: 'broker' | 'database'
  readonly log?: MemoryLog
  readonly clock?: ManualClock
  readonly store?: MemoryStore
  readonly configure?: (executor: Executor) => Executor
  readonly prepare?: (source: MemorySource) => void
}

/** A worker over a log and a database in memory, on a clock that stands still. */
export async function workerRig(options: RigOptions = {}): Promise<WorkerRig> {
  const { mode = 'broker', log = new MemoryLog(), store = new MemoryStore(), configure, prepare, ...given } = options
  const { clock = new ManualClock() } = options
  const source = new MemorySource(log)
  prepare?.(source)
  const troubles: Trouble[] = []
  const plain = createExecutor(store).withTimeout(0).withRetry({ maxAttempts: 1 })
  const worker = await consume(source, configure === undefined ? plain : configure(plain), {
    tables: mode === 'broker' ? [events, states, firsts] : [events, states],
    decode: decodeRows,
    clock,
    flushInterval: 1,
    onTrouble: (trouble) => troubles.push(trouble),
    ...given,
    ...(mode === 'broker' ? { acks: 'broker' } : { position: 'database' }),
  })
  return { log, source, store, clock, worker, troubles }
}

/** Moves time on until nothing happens any more, or so many rounds are over. */
export async function calm({ clock }: Pick<WorkerRig, 'clock'>, rounds = 5): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await clock.advance(11_000)
    await settled()
  }
}

export function event(id: number, value = id): { table: string; row: Event } {
  return { table: 'events', row: { id, value } }
}

export function state(id: number, value: number): { table: string; row: Event } {
  return { table: 'states', row: { id, value } }
}

export function first(id: number, value: number): { table: string; row: Event } {
  return { table: 'firsts', row: { id, value } }
}

export function idsOf(rows: readonly object[] = []): number[] {
  return rows.map((row) => (row as Event).id)
}
