import { onAbort } from '../../support/abort.ts'
import type { Clock } from '../../support/clock.ts'
import { type Duplicate, duplicateOf, type RedisStreamsClient } from './client.ts'
import type { Script } from './script.ts'

/** There was no connection to send a command on: it was not carried out. */
export class NotConnectedError extends Error {
  constructor(cause: Error | undefined) {
    super('there is no connection to Redis', { cause })
    this.name = 'NotConnectedError'
  }
}

/** The server did not answer in time: nobody knows whether the command was carried out. */
export class SilentServerError extends Error {
  readonly code = 'ETIMEDOUT'

  constructor(milliseconds: number) {
    super(`Redis did not answer within ${milliseconds} ms`)
    this.name = 'SilentServerError'
  }
}

/** The connection went away before the answer came: nobody knows whether the command was carried out. */
export class LostConnectionError extends Error {
  readonly code = 'ECONNRESET'

  constructor(cause: Error | undefined) {
    super('the connection to Redis was lost before it answered', { cause })
    this.name = 'LostConnectionError'
  }
}

export type Argument = string | number | Buffer

/** How long a command may take, in ms, before the connection is taken for dead. */
const LIMIT = 5000

/**
 * A connection of our own beside the user's. Every command has an end: it is answered, or refused at once where there is no
 * connection, or lost with it; and a connection that has gone silent is cut, which ioredis would not notice.
 */
export class Connection {
  readonly #client: Duplicate
  readonly #clock: Clock
  #cause: Error | undefined
  #begun: Promise<void> | undefined
  #opening: Promise<void> | undefined
  #isClosed = false
  /** What ends each call that is under way; ioredis forgets those that it does not send again. */
  readonly #underWay = new Set<() => void>()
  readonly #onError = (error: Error): void => void (this.#cause = error)

  constructor(client: RedisStreamsClient, clock: Clock) {
    this.#client = duplicateOf(client)
    this.#clock = clock
    this.#client.on('error', this.#onError) // else ioredis prints them
    for (const event of ['close', 'end']) this.#client.on(event, () => this.#lose())
  }

  get isReady(): boolean {
    return this.#client.status === 'ready' && this.#client.stream?.writable !== false
  }

  /** Begins to connect, and waits at most `LIMIT` ms until it is. @throws {NotConnectedError} */
  async open(): Promise<void> {
    if (this.isReady) return
    if (this.#client.status === 'wait') this.#begun ??= this.#client.connect().catch(this.#onError)
    await this.#ready()
  }

  /** @param patience ms that the server may take beyond the usual, as it is asked to wait */
  async call(command: string, args: readonly Argument[], patience = 0): Promise<unknown> {
    if (!this.isReady) await this.#connecting()
    const limit = LIMIT + patience
    return this.#inTime(this.#client.callBuffer(command, ...args), limit)
  }

  /** Runs a script, which the server may not know yet. */
  async run({ text, sha }: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.call('EVALSHA', [sha, keys.length, ...keys, ...args])
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    }
    return this.call('EVAL', [text, keys.length, ...keys, ...args])
  }

  /** Cuts it when `signal` is aborted; what is under way is then lost. Returns what takes that back. */
  cutOn(signal: AbortSignal): () => void {
    return onAbort(signal, () => this.cut())
  }

  /** It connects again by itself. A polite end would wait for a server that may have gone silent. */
  cut(): void {
    for (const { stream } of this.#client.nodes?.() ?? [this.#client]) stream?.destroy()
  }

  close(): void {
    this.#isClosed = true
    this.#client.disconnect()
    this.cut()
    this.#lose()
  }

  /** There is no connection any more: what is under way will not be answered. */
  #lose(): void {
    for (const lose of [...this.#underWay]) lose()
  }

  /** One that was never opened is opened by its first command. */
  async #connecting(): Promise<void> {
    if (this.#client.status === 'wait') return this.open()
    if (this.#client.status === 'connecting' || this.#client.status === 'connect') return this.#ready()
    throw new NotConnectedError(this.#cause)
  }

  /** However many wait for it. */
  #ready(): Promise<void> {
    this.#opening ??= this.#becomesReady().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #becomesReady(): Promise<void> {
    const client = this.#client
    let onReady: () => void
    const ready = new Promise<void>((resolve) => {
      onReady = resolve
      client.on('ready', resolve)
      if (this.isReady) resolve()
    })
    const none = () => new NotConnectedError(this.#cause)
    try {
      await this.#settled(ready, LIMIT, none, none)
      this.#cause = undefined
    } finally {
      client.removeListener('ready', onReady!)
    }
  }

  async #inTime<T>(reply: Promise<T>, limit: number): Promise<T> {
    const late = () => {
      this.cut()
      return new SilentServerError(limit)
    }
    try {
      return await this.#settled(reply, limit, late, () => new LostConnectionError(this.#cause))
    } catch (error) {
      throw isUnsent(error as Error) ? new NotConnectedError(error as Error) : error
    }
  }

  /** As `promise`, unless that takes more than `limit` ms, or the connection is lost or closed meanwhile. */
  #settled<T>(promise: Promise<T>, limit: number, late: () => Error, lost: () => Error): Promise<T> {
    if (this.#isClosed) return Promise.reject(lost())
    return new Promise<T>((resolve, reject) => {
      const end = () => {
        timer.stop()
        this.#underWay.delete(lose)
      }
      const lose = () => {
        end()
        reject(lost())
      }
      const timer = this.#clock.timer(() => {
        end()
        reject(late())
      })
      timer.start(limit)
      this.#underWay.add(lose)
      promise.finally(end).then(resolve, reject)
    })
  }
}

/** What ioredis says of a command that it did not write, and does not keep. */
function isUnsent({ message }: Error): boolean {
  return message.startsWith("Stream isn't writeable") || message.startsWith("Cluster isn't ready")
}
