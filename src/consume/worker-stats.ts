import type { MessageOutcome } from '../contract/metrics-reporter.ts'
import type { FlowStats } from '../flow/stats.ts'
import type { PartitionLag } from './source.ts'
import type { Trouble } from './troubles.ts'

/** A partition of a worker at one moment. */
export interface PartitionStats {
  /** Messages read and not acknowledged. */
  readonly held: number
  /** How far behind it was when the log was last asked. */
  readonly lag: PartitionLag | undefined
}

/** What a worker does with its log. */
export interface SourceStats {
  readonly source: string
  readonly destination: string
  /** Those it owns. */
  readonly partitions: Readonly<Record<string, PartitionStats>>
  /** Messages settled since it began, by what became of them. */
  readonly messages: Readonly<Record<MessageOutcome, number>>
  /** Messages that had been handed out before. */
  readonly redelivered: number
  /** Messages read and not acknowledged, and about how many bytes they take. */
  readonly held: number
  readonly heldBytes: number
  /** What keeps it from going on now. */
  readonly troubles: readonly Omit<Trouble, 'error'>[]
}

/** A worker at one moment: its flow's numbers, and what it does with its log. */
export interface WorkerStats extends FlowStats {
  readonly source: SourceStats
}
