import { setTimeout as sleep } from 'node:timers/promises'
import { HEADER } from '../../consume/message-format.ts'
import type { Message, SourceHost } from '../../consume/source.ts'
import type { Committer } from './committer.ts'
import { spoolErrorOf } from './spool-error.ts'
import type { SpoolStore, StoredMessage } from './spool-store.ts'

/** What is read at a time. */
const READ_MESSAGES = 500
const READ_BYTES = 1024 * 1024
/** How long is waited before the file is read again after it could not be, in ms. */
const AGAIN_AFTER = 1000

/** Hands over the messages of one partition in order, and waits for more. */
export class Reader {
  readonly #partition: number
  readonly #store: SpoolStore
  readonly #committer: Committer
  readonly #host: SourceHost
  /** The last one that was handed over. */
  #position: number
  /** How large a message is, about, as far as was seen. */
  #size = READ_BYTES / 16
  #troubled = false
  readonly #stop = new AbortController()
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined

  constructor(partition: number, store: SpoolStore, committer: Committer, host: SourceHost, after: number) {
    this.#partition = partition
    this.#store = store
    this.#committer = committer
    this.#host = host
    this.#position = after
  }

  start(): void {
    this.#running = this.#run()
  }

  /** There are messages that were not there before. */
  wake(): void {
    this.#wake?.()
  }

  /** Nothing more is handed over. Does not wait for what is being taken. */
  stop(): void {
    this.#stop.abort()
    this.wake()
  }

  /** Resolves when what was handed over last is taken, after {@link stop}. */
  async stopped(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const messages = this.#read()
      if (messages === undefined) await this.#pause()
      else if (messages.length === 0) await this.#more()
      else {
        this.#position = messages.at(-1)!.position
        await this.#host.deliver(String(this.#partition), messages.map(messageOf))
      }
    }
  }

  #read(): StoredMessage[] | undefined {
    try {
      const most = Math.min(READ_MESSAGES, Math.max(1, Math.floor(READ_BYTES / this.#size)))
      const messages = this.#store.read(this.#partition, this.#position, this.#committer.durable, most)
      const bytes = messages.reduce((sum, { body }) => sum + body.length, 0)
      if (messages.length > 0) this.#size = Math.max(1, bytes / messages.length)
      this.#trouble(undefined)
      return messages
    } catch (error) {
      this.#trouble(spoolErrorOf('it cannot be read', error))
      return undefined
    }
  }

  #trouble(error: Error | undefined): void {
    if (error === undefined && !this.#troubled) return
    this.#troubled = error !== undefined
    this.#host.trouble(error)
  }

  async #pause(): Promise<void> {
    await sleep(AGAIN_AFTER, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {})
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

function messageOf({ position, at, table_name, trace, body }: StoredMessage): Message {
  return { position: String(position), body, headers: headersOf(table_name, trace), publishedAt: at }
}

function headersOf(table: string | null, trace: string | null): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { [HEADER.contentType]: 'application/json' }
  if (table !== null) headers[HEADER.table] = table
  if (trace === null) return headers
  const [traceparent, tracestate] = trace.split('\n')
  if (traceparent !== undefined) headers['traceparent'] = traceparent
  if (tracestate !== undefined) headers['tracestate'] = tracestate
  return headers
}
