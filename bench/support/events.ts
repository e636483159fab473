/** The row most cases write. */
export interface Event {
  id: number
  name: string
  email: string
  score: number
  created: Date
}

export const COLUMNS = ['id', 'name', 'email', 'score', 'created'] as const

/** @param keys distinct ids */
export function events(count: number, keys = count): Event[] {
  const start = Date.UTC(2025, 0, 1)
  return Array.from({ length: count }, (_, i) => ({
    id: i % keys,
    name: `user number ${i}`,
    email: `user.${i}@example.org`,
    score: i / 7,
    created: new Date(start + i * 997),
  }))
}
