import type { PgConnection, PgSubmittable } from './client.ts'
import { closeMessage, type Preparation, prepareMessages } from './messages.ts'

/** Statements of ours that a connection keeps prepared. */
const MOST_PREPARED = 100

/** Names of the statements each connection has prepared for us. */
const prepared = new WeakMap<PgConnection, Set<string>>()

/**
 * One exchange with the server: every message written at once, then wait for its last word. `pg` hands us each answer
 * because the object is submittable (pg/lib/client.js); it also wraps `callback` for its own time limit, and so do
 * instrumentations, which is why it is an own property beside `text` and called exactly like the one of pg's `Query`.
 *
 * Sending COPY's data before the server has asked for it is safe: when the statement fails, the server drops COPY
 * messages that come late (PostgreSQL documentation, "COPY Operations" in the message flow).
 */
export class WireQuery implements PgSubmittable {
  readonly text: string
  /**
   * `instrumentation-pg`, told to add comments to statements, replaces whatever has a text and no name by a copy of its
   * own fields, which could not submit itself; null is no name that a span would show.
   */
  readonly name = null
  /** From here on only the server's answer tells what happened. */
  sent = false
  /** The first value of the first row that the server answered with. */
  answer: string | null | undefined
  /** Rows that the first INSERT has inserted or updated, by its command tag. */
  written: number | undefined
  callback: (error?: Error | null) => void
  #forbidden = false
  #connection: PgConnection | undefined
  readonly #preparations: readonly Preparation[]
  readonly #messages: Uint8Array
  readonly #written: () => void

  /** `written` is called once the socket needs `messages` no more; never when nothing was sent. */
  constructor(options: {
    text: string
    preparations: readonly Preparation[]
    messages: Uint8Array
    written: () => void
    done: (error?: Error | null) => void
  }) {
    this.text = options.text
    this.callback = options.done
    this.#preparations = options.preparations
    this.#messages = options.messages
    this.#written = options.written
  }

  submit(connection: PgConnection): Error | undefined {
    const { stream } = connection
    if (this.#forbidden || !stream.writable) return new Error('Connection terminated before the statement was sent')
    this.sent = true
    this.#connection = connection
    stream.cork?.()
    for (const preparation of this.#preparations) {
      if (!prepared.get(connection)?.has(preparation.name)) stream.write(prepareMessages(preparation))
    }
    for (const name of this.#superfluous(connection)) stream.write(closeMessage(name))
    stream.write(this.#messages, this.#written)
    stream.uncork?.()
    return undefined
  }

  /** Still in the client's queue, and to stay there: the bytes will serve another batch. */
  forbid(): void {
    this.#forbidden = true
  }

  /** How far the server came with preparing is unknown; next time it is done again. */
  handleError(error: Error): void {
    this.callback(error)
  }

  handleReadyForQuery(): void {
    this.#remember()
    this.callback(null)
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    if (this.answer === undefined) this.answer = fields[0]
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    if (this.written === undefined && text.startsWith('INSERT 0 ')) this.written = Number(text.slice(9))
  }

  handleCopyInResponse(): void {}
  handleRowDescription(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}

  /** Statements to be closed: a server keeps what is prepared in the memory of each connection, for ever. */
  #superfluous(connection: PgConnection): string[] {
    const names = prepared.get(connection)
    if (names === undefined || names.size <= MOST_PREPARED) return []
    const own = new Set(this.#preparations.map(({ name }) => name))
    const oldest = [...names].filter((name) => !own.has(name)).slice(0, names.size - MOST_PREPARED)
    for (const name of oldest) names.delete(name)
    return oldest
  }

  #remember(): void {
    if (this.#connection === undefined) return
    const names = prepared.get(this.#connection) ?? new Set()
    prepared.set(this.#connection, names)
    for (const { name } of this.#preparations) {
      if (name === '') continue
      names.delete(name) // back to the end: the least recently used one is the first
      names.add(name)
    }
  }
}
