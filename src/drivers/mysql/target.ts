import type { DriverTarget } from '../../contract/driver.ts'
import type { MysqlPromisePool } from './client.ts'

/** Where `mysql2` connects to, for spans; its pools keep that to themselves, so one of another make says nothing. */
export function targetOf(pool: MysqlPromisePool): DriverTarget {
  const config = property(property(property(pool, 'pool'), 'config'), 'connectionConfig')
  const [address, port, namespace] = ['host', 'port', 'database'].map((name) => property(config, name))
  return {
    address: typeof address === 'string' ? address : undefined,
    port: typeof port === 'number' ? port : undefined,
    namespace: typeof namespace === 'string' ? namespace : undefined,
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
