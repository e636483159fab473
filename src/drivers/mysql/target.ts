import type { DriverTarget } from '../../contract/driver.ts'
import type { MysqlPromisePool } from './client.ts'

/** Where `mysql2` connects to, for spans; its pools keep that to themselves, so one of another make says nothing. */
export function targetOf(pool: MysqlPromisePool): DriverTarget {
  const config = configOf(pool)
  const [address, port, namespace] = ['host', 'port', 'database'].map((name) => property(config, name))
  return {
    address: typeof address === 'string' ? address : undefined,
    port: typeof port === 'number' ? port : undefined,
    namespace: typeof namespace === 'string' ? namespace : undefined,
  }
}

/** In which time zone it writes dates. */
export function timezoneOf(pool: MysqlPromisePool): string {
  const timezone = property(configOf(pool), 'timezone')
  return typeof timezone === 'string' ? timezone : 'local'
}

/** How many connections it opens at most. */
export function connectionsOf(pool: MysqlPromisePool): number | undefined {
  const limit = property(property(property(pool, 'pool'), 'config'), 'connectionLimit')
  return typeof limit === 'number' ? limit : undefined
}

function configOf(pool: MysqlPromisePool): unknown {
  return property(property(property(pool, 'pool'), 'config'), 'connectionConfig')
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
