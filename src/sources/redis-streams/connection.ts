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
  readonly #onError = (error: Error): void => void (this.#cause = error)

  constructor(client: RedisStreamsClient, clock: Clock) {
    this.#client = duplicateOf(client)
    this.#clock = clock
    this.#client.on('error', this.#onError) // else ioredis prints them
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
    this.#client.disconnect()
    this.cut()
  }

  /** One that was never opened is opened by its first command. */
  async #connecting(): Promise<void> {
    if (this.#client.status === 'wait') return this.open()
    if (this.#client.status === 'connecting' || this.#client.status === 'connect') return this.#ready()
    throw new NotConnectedError(this.#cause)
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const client = this.#client
      const settle = (done: () => void) => {
        timer.stop()
        client.removeListener('ready', onReady)
        client.removeListener('close', onClose)
        client.removeListener('end', onClose)
        done()
      }
      const onReady = () => {
        this.#cause = undefined
        settle(resolve)
      }
      const onClose = () => settle(() => reject(new NotConnectedError(this.#cause)))
      const timer = this.#clock.timer(onClose)
      timer.start(LIMIT)
      client.on('ready', onReady)
      client.on('close', onClose)
      client.on('end', onClose)
      if (this.isReady) onReady()
    })
  }

  #inTime<T>(reply: Promise<T>, limit: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.timer(() => {
        reject(new SilentServerError(limit))
        this.cut()
      })
      timer.start(limit)
      const refuse = (error: Error) => reject(isUnsent(error) ? new NotConnectedError(error) : error)
      reply.then(resolve, refuse).finally(() => timer.stop())
    })
  }
}

/** What ioredis says of a command that it did not write, and does not keep. */
function isUnsent({ message }: Error): boolean {
  return message.startsWith("Stream isn't writeable") || message.startsWith("Cluster isn't ready")
}
