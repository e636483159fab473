import { defineTable } from 'batchflow-otel'
import type pg from 'pg'

export interface Event {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly score: number
  readonly created: Date
}

const COLUMNS = ['id', 'name', 'email', 'score', 'created'] as const

/** @param name unqualified: sessions have the run's own schema as their path */
export function eventTable(name: string) {
  return defineTable<Event>(name, { columns: COLUMNS })
}

export function createTable(pool: pg.Pool, name: string): Promise<unknown> {
  return pool.query(`CREATE TABLE ${name} (id bigint, name text, email text, score float8, created timestamptz)`)
}

export function events(count: number): Event[] {
  const start = Date.UTC(2025, 0, 1)
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `user number ${id}`,
    email: `user.${id}@example.org`,
    score: id / 7,
    created: new Date(start + id * 997),
  }))
}

/** Rows of one message after the other. */
export function* slices<T>(rows: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < rows.length; from += size) yield rows.slice(from, from + size)
}

/** The statement one writes by hand: one text for any number of rows. Rows are as JSON has them. */
export async function insertByHand(pool: pg.Pool, name: string, rows: readonly Record<string, unknown>[]) {
  const text = `INSERT INTO ${name} (id, name, email, score, created)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[])`
  await pool.query({ name, text, values: COLUMNS.map((column) => rows.map((row) => row[column])) })
}
