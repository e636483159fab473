import type { NatsConnection, Status } from '@nats-io/transport-node'

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

/** Accounts may be allowed to listen under a prefix of their own only. */
export function inboxPrefixOf(connection: NatsConnection): string | undefined {
  return (connection as { options?: { inboxPrefix?: string } }).options?.inboxPrefix
}
