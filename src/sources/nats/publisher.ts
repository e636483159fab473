import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import { parse } from '../../support/validate.ts'
import type { LogDriver, LogMessage } from '../kit/log-driver.ts'
import { Publisher } from '../kit/publisher.ts'
import { PUBLISHER, type PublisherOptions } from '../kit/publisher-options.ts'
import { classify, DisconnectedError } from './errors.ts'
import { endingRequests, isUp } from './link.ts'
import { subjectOf } from './names.ts'
import { LOG, type NatsLog, natsConnection } from './options.ts'
import { send } from './send.ts'
import { type StreamSettings, streamFor } from './streams.ts'

export interface NatsPublisherOptions extends NatsLog, PublisherOptions {}

interface LogSettings {
  readonly stream: string
  readonly subject: string
  readonly partitions: number
  readonly apiPrefix: string
  readonly create: StreamSettings | false
}

/**
 * A stream as a publisher sees it. Its messages have ids: what is sent again after a lost answer is stored once, within the
 * stream's duplicate window.
 */
export class NatsStream implements LogDriver {
  readonly name = 'nats'
  readonly system = 'nats'
  readonly destination: string
  readonly partitions: number
  readonly #connection: NatsConnection
  readonly #settings: LogSettings
  #isReady = false

  constructor(connection: NatsConnection, settings: LogSettings) {
    this.#connection = connection
    this.#settings = settings
    this.destination = settings.subject
    this.partitions = settings.partitions
  }

  async send(
    messages: readonly LogMessage[],
    signal: AbortSignal,
    id: string,
  ): Promise<readonly RowFailure[] | undefined> {
    if (!this.#isReady) await this.#makeReady()
    const { subject } = this.#settings
    const outgoing = messages.map(({ partition, headers, body }, index) => ({
      subject: subjectOf(subject, partition),
      headers,
      body,
      id: `${id}:${index}`,
    }))
    return send(this.#connection, outgoing, signal)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  async ping(): Promise<void> {
    if (!isUp(this.#connection)) throw new DisconnectedError(this.#connection.isClosed())
    const { apiPrefix, stream } = this.#settings
    const manager = await jetstreamManager(this.#connection, { apiPrefix, checkAPI: false })
    if (this.#isReady) await manager.streams.info(stream)
    else await manager.getAccountInfo()
  }

  /** Once: a stream that was removed later is not made again, as its sequences would begin anew. */
  async #makeReady(): Promise<void> {
    if (!isUp(this.#connection)) {
      throw new AttemptError(new DisconnectedError(this.#connection.isClosed()), { unreachable: true })
    }
    const { apiPrefix, stream, subject, partitions, create } = this.#settings
    const manager = await jetstreamManager(this.#connection, { apiPrefix, checkAPI: false })
    const subjects = Array.from({ length: partitions }, (_, partition) => subjectOf(subject, partition))
    await streamFor(manager, stream, subjects, [`${subject}.*`], create)
    this.#isReady = true
  }
}

/** @throws {OptionError} */
export function publisherOf(connection: NatsConnection, options: NatsPublisherOptions): Publisher {
  const {
    stream,
    subject = stream,
    partitions,
    apiPrefix,
    create,
    ...flow
  } = parse('nats publisher', { ...LOG, ...PUBLISHER }, options)
  const client = endingRequests(natsConnection('nats publisher: connection', connection))
  const log = new NatsStream(client, { stream, subject, partitions, apiPrefix, create: create ?? {} })
  return new Publisher(log, flow as PublisherOptions)
}
