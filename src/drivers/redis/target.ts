import type { DriverTarget } from '../../contract/driver.ts'
import { isCluster, type RedisClient } from './client.ts'

/** Where the client connects to, for spans. In a cluster each pipeline goes to another place, so that says nothing. */
export function targetOf(client: RedisClient): DriverTarget | undefined {
  if (isCluster(client)) return undefined
  const { host, port, path, db = 0 } = client.options
  return { namespace: String(db), ...(path ? { address: path } : { address: host, port }) }
}
