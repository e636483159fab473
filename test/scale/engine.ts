import type { Source } from '../../src/consume/source.ts'
import type { Publisher } from '../../src/sources/kit/publisher.ts'

/** Something that belongs to one process, and what ends it. */
export interface Opened<T> {
  readonly value: T
  close(): Promise<void> | void
}

/**
 * A log that is put to the test. One file in `engines/` exports one as `engine`; worker processes import the same file, and
 * know the log by what {@link Broker.config} says.
 */
export interface Engine {
  readonly name: string
  /** What stands in for what, where it is not the real server; printed with the figures. */
  readonly note?: string
  /** A server of this run's own; `undefined` where there is no program for it, which is said once. */
  start(): Promise<Broker | undefined>
  /** In the process that publishes. */
  publisher(config: string): Promise<Opened<Publisher>>
  /** In a worker's process: a source for one worker of the one group. */
  source(config: string): Promise<Opened<Source>>
}

export interface Broker {
  /** How processes reach it, and which stream is theirs. */
  readonly config: string
  /** Killed with -9, and started again with what it had on disk; absent where that cannot be done. */
  restart?(): Promise<void>
  close(): Promise<void>
}
