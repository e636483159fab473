import type pg from 'pg'
import { defineTable, type Table } from '../../src/contract/table.ts'

export interface User {
  id: number
  version: number
  name: string
}
export interface Event {
  n: number
  note: string
  /** Position of the message it came in; nothing that is published. */
  at?: string
}

export interface Tables {
  readonly users: Table<User>
  readonly events: Table<Event>
}

/** Rows on few keys, where the last one wins; and rows that are only added. In a schema of the run's own. */
export function tablesIn(schema: string): Tables {
  return {
    users: defineTable<User>(`${schema}.users`, {
      columns: ['id', 'version', 'name'],
      onConflict: { action: 'update', keys: ['id'] },
    }),
    events: defineTable<Event>(`${schema}.events`, { columns: ['n', 'note', 'at'] }),
  }
}

export async function createTables(pool: pg.Pool, schema: string): Promise<void> {
  await pool.query(`CREATE SCHEMA ${schema}`)
  await pool.query(`CREATE TABLE ${schema}.users (id int PRIMARY KEY, version int NOT NULL, name text NOT NULL)`)
  await pool.query(`CREATE TABLE ${schema}.events (n int NOT NULL, note text NOT NULL, at text NOT NULL)`)
}
