import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { DeadLetterReason } from '../../consume/source.ts'
import { beside, bytesOf, type Letter, prefixed, putFitting, toldOf } from '../kit/letter.ts'
import { isTooLarge } from './errors.ts'
import type { NatsMessage } from './message.ts'
import type { SourceSettings } from './options.ts'
import { send } from './send.ts'
import { streamFor } from './streams.ts'

/** How long the stream's word is waited for, in ms: one that has lost its quorum gives none. */
const PATIENCE = 5_000

/** What a server takes that does not say what it does, in bytes. */
const USUAL = 1_048_576
/** JetStream's limit for the headers of a message, in bytes, and room for its own first line. */
const MOST_HEADERS = 65_000
/** What the first line of the headers and the name of the id take, in bytes. */
const OURS = 100

/** Header values are one line of printable text. */
const lineOf = (text: string): string =>
  text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 1024)

/**
 * Messages that were put aside: original bytes and headers, as far as the server takes them with what is told beside them, in a
 * stream of their own. The same message is there once within the stream's duplicate window, however often it is put aside.
 */
export class DeadLetters {
  readonly #connection: NatsConnection
  readonly #settings: SourceSettings
  #ready: Promise<unknown> | undefined

  constructor(connection: NatsConnection, settings: SourceSettings) {
    this.#connection = connection
    this.#settings = settings
  }

  async put(partition: string, message: NatsMessage, why: DeadLetterReason): Promise<void> {
    await this.#stream()
    const { group, stream, subject } = this.#settings
    const id = [stream, subject, group, message.position, why.table, why.reason].join(':')
    const told = { ...toldOf(message, why), subject: `${subject}.${partition}` }
    const lines = Object.fromEntries(Object.entries(told).map(([name, text]) => [name, lineOf(text)]))
    const letter = { told: lines, headers: beside(headersOf(message), lines), body: bytesOf(message.body) }
    const room = { most: (this.#connection.info?.max_payload ?? USUAL) - id.length - OURS, mostHeaders: MOST_HEADERS }
    await putFitting(letter, room, (some) => this.#send(some, id), isTooLarge)
  }

  async #send({ told, headers, body }: Letter, id: string): Promise<void> {
    const { subject } = this.#settings.deadLetters
    const all = [...headers, ...prefixed(told)].map(([name, value]) => [String(name), String(value)] as const)
    const failures = await send(this.#connection, [{ subject, headers: all, body, id }], AbortSignal.timeout(PATIENCE))
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

/** As they were sent. `Nats-…` headers are orders to the server. */
function headersOf({ sent, headers }: NatsMessage): [name: string, value: string][] {
  const all = sent === undefined ? Object.entries(headers) : [...sent].flatMap(([name, values]) => pairs(name, values))
  return all.filter(([name]) => !/^nats-/i.test(name))
}

const pairs = (name: string, values: readonly string[]): [string, string][] => values.map((value) => [name, value])
