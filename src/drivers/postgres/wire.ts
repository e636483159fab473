import type { PgConnection, PgSubmittable } from './client.ts'

const PARSE = 0x50
const QUERY = 0x51

/** A statement the server keeps under a name; an empty name makes it new each time. */
export interface Preparation {
  readonly name: string
  readonly text: string
}

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
  /** `pg` remembers under this name that the connection has parsed the statement. */
  readonly name: string | undefined
  /** From here on only the server's answer tells what happened. */
  sent = false
  callback: (error?: Error | null) => void
  #forbidden = false
  readonly #prepare: Preparation | undefined
  readonly #messages: Uint8Array
  readonly #written: () => void

  /** `written` is called once the socket needs `messages` no more; never when nothing was sent. */
  constructor(options: {
    text: string
    messages: Uint8Array
    prepare?: Preparation | undefined
    written: () => void
    done: (error?: Error | null) => void
  }) {
    this.text = options.text
    this.name = options.prepare?.name
    this.callback = options.done
    this.#prepare = options.prepare
    this.#messages = options.messages
    this.#written = options.written
  }

  submit(connection: PgConnection): Error | undefined {
    const { stream } = connection
    if (this.#forbidden || !stream.writable) return new Error('Connection terminated before the statement was sent')
    this.sent = true
    stream.cork()
    if (this.#prepare !== undefined && !isParsed(connection, this.#prepare)) stream.write(parseMessage(this.#prepare))
    stream.write(this.#messages, this.#written)
    stream.uncork()
    return undefined
  }

  /** Still in the client's queue, and to stay there: the bytes will serve another batch. */
  forbid(): void {
    this.#forbidden = true
  }

  handleError(error: Error): void {
    this.callback(error)
  }

  handleReadyForQuery(): void {
    this.callback(null)
  }

  handleCommandComplete(): void {}
  handleCopyInResponse(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}
}

function isParsed(connection: PgConnection, { name, text }: Preparation): boolean {
  return name !== '' && connection.parsedStatements?.[name] === text
}

/** The text names the type of every parameter, so none are declared here. */
function parseMessage({ name, text }: Preparation): Buffer {
  return message(PARSE, `${name}\0${text}\0\0\0`)
}

export function queryMessage(text: string): Buffer {
  return message(QUERY, `${text}\0`)
}

function message(kind: number, body: string): Buffer {
  const bytes = Buffer.allocUnsafe(5 + Buffer.byteLength(body))
  bytes[0] = kind
  bytes.writeInt32BE(bytes.length - 1, 1)
  bytes.write(body, 5)
  return bytes
}
