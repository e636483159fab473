import type { Backend } from './backend.ts'
import { postgresBackend } from './postgres.ts'
import { redisBackend } from './redis.ts'

/**
 * Opens a backend for each database that `where` names.
 *
 * @param name of the schema, database or key prefix that the tables live in
 */
export function openBackends(where: Readonly<Record<string, string | undefined>>, name: string): Promise<Backend[]> {
  const { POSTGRES_URL, REDIS_URL } = where
  const opening: Promise<Backend>[] = []
  if (POSTGRES_URL) opening.push(postgresBackend(POSTGRES_URL, name))
  if (REDIS_URL) opening.push(redisBackend(REDIS_URL, name))
  return Promise.all(opening)
}
