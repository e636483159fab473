import { defineTable } from '../../../src/contract/table.ts'

export interface User {
  id: number | null
  name?: string | null
  email?: string | null
}

const columns = ['id', 'name', 'email'] as const

/** Plain inserts. */
export const users = defineTable<User>('users', { columns })
export const updated = defineTable<User>('updated', { columns, onConflict: { action: 'update', keys: ['id'] } })
export const replaced = defineTable<User>('replaced', { columns, onConflict: { action: 'replace', keys: ['id'] } })
export const ignored = defineTable<User>('ignored', { columns, onConflict: { action: 'ignore', keys: ['id'] } })

/** Numbered by how often they were changed. */
export interface Versioned extends User {
  version?: unknown
}

export const versioned = defineTable<Versioned>('versioned', {
  columns: [...columns, 'version'],
  onConflict: { action: 'update', keys: ['id'], newer: 'version' },
})

/** Of which rows may be deleted. */
export const people = defineTable<User>('people', {
  columns,
  onConflict: { action: 'update', keys: ['id'] },
  deletes: true,
})

export function user(id: number): User {
  return { id, name: `user ${id}`, email: `${id}@example.org` }
}

/** Users numbered from `first`. */
export function usersFrom(first: number, count: number): User[] {
  return Array.from({ length: count }, (_, i) => user(first + i))
}

export function ids(rows: readonly object[]): unknown[] {
  return rows.map((row) => (row as User).id)
}
