import type { LeaseStore, LeaseView } from '../kit/leases.ts'
import { isOutdated } from './errors.ts'
import type { Entry, Keys } from './keys.ts'

/** Members that were silent for this long are forgotten, in ms. */
const FORGET = 3_600_000

/**
 * Leases in a bucket: `lease.<partition>` holds its owner, and is written by compare-and-set on its sequence, which is the
 * lease's token; `member.<name>` is written anew with every beat. A lease counts for as long as its owner's beats do, by the
 * server's clock: a beat is one message, however many partitions a worker has.
 */
export class NatsLeases implements LeaseStore {
  readonly #keys: Keys

  constructor(keys: Keys) {
    this.#keys = keys
  }

  async beat(member: string, held: ReadonlyMap<string, number>, ttl: number): Promise<LeaseView> {
    await this.#keys.open()
    const sequence = await this.#keys.put(`member.${member}`, String(ttl))
    await this.#keys.caughtUp(sequence)
    const now = this.#keys.entries.get(`member.${member}`)!.time
    const members = this.#alive(now)
    const owners = new Map<string, string>()
    for (const [key, { value: owner, sequence: token }] of this.#keys.entries) {
      const partition = partitionIn(key)
      if (partition === undefined || !members.includes(owner)) continue
      // What is ours by the bucket, and not by what we know, was given up without a word: it is free.
      if (owner !== member || held.get(partition) === token) owners.set(partition, owner)
    }
    return { members, owners }
  }

  async take(partition: string, member: string): Promise<number | undefined> {
    const key = `lease.${partition}`
    try {
      return await this.#keys.put(key, member, this.#keys.entries.get(key)?.sequence ?? 0)
    } catch (error) {
      if (isOutdated(error)) return undefined
      throw error
    }
  }

  async release(partition: string, _member: string, token: number): Promise<void> {
    try {
      await this.#keys.put(`lease.${partition}`, '', token)
    } catch (error) {
      if (!isOutdated(error)) throw error
    }
  }

  async leave(member: string): Promise<void> {
    await this.#keys.put(`member.${member}`, '0')
    this.#keys.close()
  }

  /** In the order they came. */
  #alive(now: number): string[] {
    const alive: string[] = []
    for (const [key, entry] of this.#keys.entries) {
      if (!key.startsWith('member.')) continue
      if (isAlive(entry, now)) alive.push(key.slice('member.'.length))
      else if (now - entry.time > FORGET) void this.#keys.remove(key).catch(() => undefined) // another time
    }
    return alive.sort()
  }
}

const partitionIn = (key: string): string | undefined =>
  key.startsWith('lease.') ? key.slice('lease.'.length) : undefined

/** The value is for how long a beat counts. */
const isAlive = ({ value, time }: Entry, now: number): boolean => now - time < Number(value)
