import type { Connection } from './connection.ts'
import { compareIds } from './entry.ts'

/** How long the server is asked to wait at a time, in ms. */
const WAIT = 5000
/** While it cannot be told to stop waiting it is asked for less. */
const SHORT_WAIT = 100

interface Sleeper {
  readonly key: string
  readonly after: string
  wake(): void
}

/**
 * Waits for partitions that have nothing at the moment, all in one blocking read on a connection of its own. What it reads is
 * only a sign: messages are fetched by whoever holds the lease.
 */
export class Waker {
  readonly #connection: Connection
  /** Over which the server is told to stop waiting, as another partition has nothing either. */
  readonly #other: Connection
  readonly #sleepers = new Map<string, Sleeper>()
  #waiting = false
  #isStopped = false
  /** Of those in the blocking read that is under way. */
  #asked = 0
  #id: string | undefined

  constructor(connection: Connection, other: Connection) {
    this.#connection = connection
    this.#other = other
  }

  /** Resolves when the stream may have something after `after`, or when that cannot be told. */
  wait(key: string, after: string): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        if (this.#sleepers.get(key) === sleeper) this.#sleepers.delete(key) // else it is the next owner's
        resolve()
      }
      const sleeper = { key, after, wake }
      this.#sleepers.set(key, sleeper)
      if (!this.#waiting) void this.#run()
      else if (this.#asked > 0) this.#interrupt()
    })
  }

  wake(key: string): void {
    this.#sleepers.get(key)?.wake()
  }

  stop(): void {
    this.#isStopped = true
    for (const { wake } of this.#sleepers.values()) wake()
    this.#connection.close()
  }

  async #run(): Promise<void> {
    this.#waiting = true
    while (this.#sleepers.size > 0 && !this.#isStopped) {
      try {
        await this.#read()
      } catch {
        this.#id = undefined
        for (const { wake } of this.#sleepers.values()) wake() // their own next look tells what is wrong
      }
    }
    this.#waiting = false
  }

  async #read(): Promise<void> {
    this.#id ??= await this.#ownId()
    const sleepers = [...this.#sleepers.values()]
    if (sleepers.length === 0) return
    this.#asked = sleepers.length
    const wait = this.#id === undefined ? SHORT_WAIT : WAIT
    const streams = [...sleepers.map(({ key }) => key), ...sleepers.map(({ after }) => after)]
    try {
      const reply = await this.#connection.call('XREAD', ['COUNT', 1, 'BLOCK', wait, 'STREAMS', ...streams], wait)
      for (const sleeper of sleepers) if (hasNews(reply, sleeper)) sleeper.wake()
    } finally {
      this.#asked = 0
    }
  }

  /** A connection has the number for as long as it lasts; where that may not be asked for, waits are short. */
  async #ownId(): Promise<string | undefined> {
    await this.#connection.open()
    return this.#connection.call('CLIENT', ['ID']).then(String, () => undefined)
  }

  #interrupt(): void {
    this.#asked = 0 // once is enough
    if (this.#id !== undefined) this.#other.call('CLIENT', ['UNBLOCK', this.#id]).catch(() => undefined)
  }
}

/** The reply is a list of streams and their entries, or a map of them (RESP3), or nothing. */
function hasNews(reply: unknown, { key, after }: Sleeper): boolean {
  if (reply === null || typeof reply !== 'object') return false
  const pairs = Array.isArray(reply) && Array.isArray(reply[0]) ? reply : pairsOf(reply)
  const [, entries] = pairs.find(([name]) => String(name).endsWith(key)) ?? []
  const [first] = (entries ?? []) as (readonly [Buffer])[]
  return first !== undefined && compareIds(String(first[0]), after) > 0
}

function pairsOf(reply: object): [unknown, unknown][] {
  if (reply instanceof Map) return [...reply]
  if (!Array.isArray(reply)) return Object.entries(reply)
  return Array.from({ length: reply.length / 2 }, (_, i) => [reply[2 * i], reply[2 * i + 1]])
}
