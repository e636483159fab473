import type { LeaseStore, LeaseView } from '../kit/leases.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import { LOOK, MEET, RELEASE, TAKE } from './script.ts'

/** Leases as keys that expire, one beside each partition; who is there in a sorted set. */
export class RedisLeases implements LeaseStore {
  readonly #connection: Connection
  readonly #keys: Keys
  readonly #partitions: readonly string[]

  constructor(connection: Connection, keys: Keys, partitions: readonly string[]) {
    this.#connection = connection
    this.#keys = keys
    this.#partitions = partitions
  }

  async beat(member: string, held: ReadonlyMap<string, number>, ttl: number): Promise<LeaseView> {
    const look = async (partition: string) => {
      const token = held.get(partition)
      const ours = token === undefined ? '' : leaseText(member, token)
      const value = await this.#connection.run(LOOK, [this.#keys.lease(partition)], [ours, ttl])
      return [
        partition,
        value === null ? undefined : await this.#ownerOf(partition, String(value), member, ours),
      ] as const
    }
    const [present, ...leases] = await Promise.all([
      this.#connection.run(MEET, [this.#keys.members], [member, ttl]),
      ...this.#partitions.map(look),
    ])
    const owners = new Map<string, string>()
    for (const [partition, owner] of leases) if (owner !== undefined) owners.set(partition, owner)
    const members = new Set((present as readonly Buffer[]).map(String))
    for (const owner of owners.values()) members.add(owner)
    return { members: [...members].sort(), owners }
  }

  /** A lease of our own that is not the one we hold was taken when the answer was lost: it is nobody's. */
  async #ownerOf(partition: string, value: string, member: string, ours: string): Promise<string | undefined> {
    const [owner = ''] = value.split(' ')
    if (owner !== member || value === ours) return owner
    await this.#connection.run(RELEASE, [this.#keys.lease(partition)], [value])
    return undefined
  }

  async take(partition: string, member: string, ttl: number): Promise<number | undefined> {
    const keys = [this.#keys.lease(partition), this.#keys.token(partition)]
    const token = await this.#connection.run(TAKE, keys, [member, ttl])
    return token === null ? undefined : Number(token)
  }

  async release(partition: string, member: string, token: number): Promise<void> {
    await this.#connection.run(RELEASE, [this.#keys.lease(partition)], [leaseText(member, token)])
  }

  async leave(member: string): Promise<void> {
    await this.#connection.call('ZREM', [this.#keys.members, member])
  }
}

/** What stands in a lease. */
export function leaseText(member: string, token: number): string {
  return `${member} ${token}`
}
