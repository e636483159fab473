import type { DriverTarget } from '../../contract/driver.ts'
import type { SqliteDatabase } from './client.ts'

/** The file, where the client tells it. */
export function targetOf(database: SqliteDatabase): DriverTarget {
  const name: unknown = Reflect.get(database, 'name')
  return { namespace: typeof name === 'string' ? name : undefined }
}
