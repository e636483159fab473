import type { Source } from 'batchflow-otel/consume'
import type { Publisher } from '../../src/sources/kit/publisher.ts'

/** Something that belongs to one process, and what ends it. */
export interface Opened<T> {
  readonly value: T
  close(): unknown
}

export interface Broker {
  /** How other processes reach it. */
  readonly config: string
  /** Of its process, where it is one of this machine. */
  readonly pid?: number | undefined
  close(): Promise<void>
}

/** Messages as the plain client brings them. */
export interface Fetched {
  readonly bodies: readonly string[]
  /** Acknowledges those from `from` up to `to`, without it. */
  ack(from: number, to: number): unknown
}

/** A log under measurement: through this package, and as one writes it by hand. One file in `logs/` exports one as `log`. */
export interface Log {
  readonly name: string
  /** What stands in for what, where it is not the real server; printed with the figures. */
  readonly note?: string
  /** A server of this run's own; `undefined` where there is no program for it. */
  start(): Promise<Broker | undefined>
  /** Makes what publishers and workers expect to be there. */
  create?(config: string, stream: string): Promise<unknown>
  publisher(config: string, stream: string): Promise<Opened<Publisher>>
  source(config: string, stream: string): Promise<Opened<Source>>
  /** Resolves when the log has all of them. */
  sender(config: string, stream: string): Promise<Opened<(bodies: readonly string[]) => Promise<unknown>>>
  /** Up to `size` messages at a time, for ever. */
  fetches(config: string, stream: string, size: number): AsyncIterable<Fetched>
}

/** How long a worker that is halted keeps its partitions, in ms. */
export const LEASE = 20_000
