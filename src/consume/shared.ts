import type { SpanContext } from '@opentelemetry/api'
import type { BatchFlow } from '../flow/batch-flow.ts'
import type { Chunk } from './chunk.ts'
import type { Reader } from './decode.ts'
import type { Holdings } from './holdings.ts'
import type { Settings } from './options.ts'
import type { Source } from './source.ts'
import type { Tally } from './tally.ts'
import type { Troubles } from './troubles.ts'

/** What the partitions of a worker share. */
export interface Shared {
  readonly source: Source
  readonly flow: BatchFlow
  readonly settings: Settings
  readonly reader: Reader
  readonly holdings: Holdings
  readonly tally: Tally
  readonly troubles: Troubles
  /** Aborted when the worker gives up what is under way. */
  readonly signal: AbortSignal
  /** Somebody traces now. */
  readonly isTraced: boolean
  /** The span of the processing of messages that come from these spans. */
  startChunk(partition: string, origins: readonly (SpanContext | undefined)[]): Chunk | undefined
}
