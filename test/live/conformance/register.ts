import type { Test } from 'uvu'
import type { Backend, Capabilities, Database } from './backend.ts'

/** What a file of cases gets: where to add them, and what the backend can do. */
export interface Registry {
  readonly add: (name: string, run: (database: Database) => Promise<void>) => void
  readonly can: Capabilities
  readonly backend: Backend
}

export type Register = (registry: Registry) => void

/** Adds cases to a suite, each named after its backend. Nothing is added when the server is missing. */
export async function register(backend: Backend, suite: Test, cases: readonly Register[]): Promise<void> {
  const database = await backend.open()
  if (database === undefined) return
  suite.after(() => database.close())
  const add: Registry['add'] = (name, run) => suite(`${backend.name}: ${name}`, () => run(database))
  for (const addTo of cases) addTo({ add, can: backend.can, backend })
}
