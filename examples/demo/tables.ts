import { defineTable } from 'batchflow-otel'
import type { Flight } from './flights.ts'
import type { DailyDelays } from './model.ts'

export const flights = defineTable<Flight>('flights', {
  columns: ['date', 'delay', 'distance', 'origin', 'destination'],
})

export const dailyDelays = defineTable<DailyDelays>('daily_delays', {
  columns: ['origin', 'day', 'flights', 'delay', 'distance'],
  onConflict: {
    action: 'update',
    keys: ['origin', 'day'],
    set: { flights: 'add', delay: 'add', distance: 'add' },
  },
})

export interface Part {
  readonly id: number
  readonly amount: number
}

/** Where errors are made on purpose. */
export const rehearsal = defineTable<Part>('rehearsal', {
  columns: ['id', 'amount'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** The part that every store refuses. */
export const REFUSED: Part = { id: 2, amount: -1 }
