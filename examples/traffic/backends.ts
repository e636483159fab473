import type { Backend } from './backend.ts'
import { mysqlBackend } from './mysql.ts'
import { postgresBackend } from './postgres.ts'
import { redisBackend } from './redis.ts'
import { sqliteBackend } from './sqlite.ts'

/** How each variable's value becomes a backend. */
const OPENERS: Readonly<Record<string, (where: string, name: string) => Promise<Backend>>> = {
  POSTGRES_URL: postgresBackend,
  MYSQL_URL: mysqlBackend,
  REDIS_URL: redisBackend,
  SQLITE_FILE: sqliteBackend,
}

/**
 * Opens a backend for each database that `where` names.
 *
 * @param name of the schema, database or key prefix that the tables live in
 */
export function openBackends(where: Readonly<Record<string, string | undefined>>, name: string): Promise<Backend[]> {
  const given = Object.entries(OPENERS).flatMap(([variable, open]) => {
    const value = where[variable]
    return value === undefined || value === '' ? [] : [open(value, name)]
  })
  return Promise.all(given)
}
