import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { isMissingConsumer } from './errors.ts'
import type { Delivered } from './pull.ts'

/** A consumer that reads from where nothing is settled yet. */
export interface Opened {
  readonly consumer: string
  /** Up to this sequence an owner before may have had the messages in hand. */
  readonly handedOutTo: number
  /** Up to this sequence is the message, if any, that owners vanish over, one after the other. */
  readonly suspectsTo: number
  /** How many of them did. */
  readonly tries: number
}

/** What remembers, or is told, how far one partition is read. */
export interface Cursor {
  /**
   * Makes a new consumer, so that messages come in order however often they came before.
   *
   * @param again not the first time since the partition is ours
   * @throws {GoneError} when the partition seems to be somebody else's
   */
  open(again: boolean): Promise<Opened>
  /** Told of everything the consumer delivers, in order. */
  received(delivered: Delivered): void
  /** All up to `sequence` is settled. */
  acknowledge(sequence: number): Promise<void>
  /** @param released nothing is in flight, and nobody died */
  close(released: boolean): Promise<void>
}

/** The consumer was removed by somebody: the next owner of its partition, if by none of ours. */
export class GoneError extends Error {
  constructor(consumer: string) {
    super(`consumer ${consumer} was removed: another worker took its partition over, or somebody deleted it`)
    this.name = 'GoneError'
  }
}

export interface Place {
  readonly manager: JetStreamManager
  readonly stream: string
  /** The subject of the partition. */
  readonly subject: string
}

export async function consumerInfo({ manager, stream }: Place, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name)
  } catch (error) {
    if (isMissingConsumer(error)) return undefined
    throw error
  }
}

export async function removeConsumer({ manager, stream }: Place, name: string): Promise<void> {
  try {
    await manager.consumers.delete(stream, name)
  } catch (error) {
    if (!isMissingConsumer(error)) throw error
  }
}

export async function addConsumer({ manager, stream, subject }: Place, config: Partial<ConsumerConfig>): Promise<void> {
  await manager.consumers.add(stream, { filter_subject: subject, max_deliver: -1, ...config })
}
