import { randomBytes } from 'node:crypto'
import type { Connection } from './connection.ts'
import { compareIds } from './entry.ts'

/** What stands at `key`, written there by whoever comes first. */
export async function identityAt(connection: Connection, key: string): Promise<string> {
  await connection.call('SET', [key, randomBytes(8).toString('hex'), 'NX'])
  return String(await connection.call('GET', [key]))
}

/** Whether a stream has come as far as an id. */
export async function reaches(connection: Connection, key: string, id: string): Promise<boolean> {
  const isThere = await connection.call('EXISTS', [key])
  if (Number(isThere) === 0) return false
  const [last] = (await connection.call('XREVRANGE', [key, '+', '-', 'COUNT', 1])) as readonly (readonly [Buffer])[]
  return last === undefined || compareIds(id, String(last[0])) <= 0 // it may have been trimmed to nothing
}
