import type { NatsConnection, Status } from '@nats-io/transport-node'
import { DisconnectedError } from './errors.ts'

/** Whether messages can be sent now. What is published while they cannot is thrown away by the client. */
export function isUp(connection: NatsConnection): boolean {
  return !connection.isClosed() && connection.info !== undefined
}

/** Hears when a connection is lost and when there is one again. */
export class Link {
  readonly #events: AsyncIterable<Status> & { stop?(): void }
  readonly #heard: (up: boolean) => void
  #over = false

  /** @param heard never called once `close` was */
  constructor(connection: NatsConnection, heard: (up: boolean) => void) {
    this.#events = connection.status()
    this.#heard = heard
    void this.#listen()
  }

  close(): void {
    this.#over = true
    this.#events.stop?.()
  }

  /** The events end with the connection. A reaction to `closed()` would stay for as long as that is open. */
  async #listen(): Promise<void> {
    for await (const { type } of this.#events) {
      if (type === 'disconnect') this.#tell(false)
      else if (type === 'reconnect') this.#tell(true)
    }
    this.#tell(false)
  }

  #tell(up: boolean): void {
    if (!this.#over) this.#heard(up)
  }
}

/**
 * The same connection, whose requests end when it is lost: the client has them wait for an answer that cannot come any more until
 * their time is over, which is 5 s of JetStream's. What was asked may have been done.
 */
export function endingRequests(connection: NatsConnection): NatsConnection {
  const request: NatsConnection['request'] = async (subject, payload, options) => {
    let link: Link | undefined
    const lost = new Promise<never>((_, reject) => {
      link = new Link(connection, () => reject(new DisconnectedError(connection.isClosed())))
    })
    try {
      return await Promise.race([connection.request(subject, payload, options), lost])
    } finally {
      link?.close()
    }
  }
  return Object.create(connection, { request: { value: request } })
}

/** Accounts may be allowed to listen under a prefix of their own only. */
export function inboxPrefixOf(connection: NatsConnection): string | undefined {
  return (connection as { options?: { inboxPrefix?: string } }).options?.inboxPrefix
}
