import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { DeadLetterReason, Message } from '../../consume/source.ts'
import type { SourceSettings } from './options.ts'
import { send } from './send.ts'
import { streamFor } from './streams.ts'

/** How long the stream's word is waited for, in ms: one that has lost its quorum gives none. */
const PATIENCE = 5_000

/** Header values are one line of printable text. */
const lineOf = (text: string): string =>
  text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 1024)

/**
 * Messages that were put aside: original bytes and headers, and why, in a stream of their own. The same message is there once
 * within the stream's duplicate window, however often it is put aside.
 */
export class DeadLetters {
  readonly #connection: NatsConnection
  readonly #settings: SourceSettings
  #ready: Promise<unknown> | undefined

  constructor(connection: NatsConnection, settings: SourceSettings) {
    this.#connection = connection
    this.#settings = settings
  }

  async put(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    await this.#stream()
    const { group, stream, subject, deadLetters } = this.#settings
    const headers = {
      ...withoutReserved(message.headers),
      'batchflow-reason': lineOf(why.reason),
      'batchflow-message': lineOf(why.message),
      'batchflow-subject': `${subject}.${partition}`,
      'batchflow-position': message.position,
      ...(why.table !== undefined && { 'batchflow-table': lineOf(why.table) }),
      ...(why.code !== undefined && { 'batchflow-code': lineOf(why.code) }),
    }
    const id = [stream, subject, group, message.position, why.table, why.reason].join(':')
    const letter = { subject: deadLetters.subject, headers, body: message.body, id }
    const failures = await send(this.#connection, [letter], AbortSignal.timeout(PATIENCE))
    if (failures !== undefined) throw failures[0]!.error
  }

  async #stream(): Promise<void> {
    this.#ready ??= this.#made()
    try {
      await this.#ready
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }

  async #made(): Promise<void> {
    const { apiPrefix, create, deadLetters } = this.#settings
    const manager = await jetstreamManager(this.#connection, { apiPrefix })
    await streamFor(
      manager,
      deadLetters.stream,
      [deadLetters.subject],
      [deadLetters.subject],
      create && { ...create, maxAge: 0 },
    )
  }
}

/** `Nats-…` headers are orders to the server. */
function withoutReserved(headers: Message['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('nats-')))
}
