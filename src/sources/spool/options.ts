import type { TracerProvider } from '@opentelemetry/api'
import { boolean, implementing, integer, type OptionsOf, oneOf, optional } from '../../support/validate.ts'

export interface SpoolOptions {
  /**
   * How many rows of different keys can be written to the database side by side. Fixed while the file holds rows. From 1 to
   * 64. @default 4
   */
  readonly partitions?: number
  /**
   * Whether a row is on the disk before it counts as accepted. Without it the row is with the operating system: it survives
   * the end of the process, however that comes, and may be lost with the power; the file stays whole. @default true
   */
  readonly fsync?: boolean
  /** How large the file may become. At least 1 MiB; a few MiB of SQLite's log come on top. @default 1 GiB */
  readonly maxFileBytes?: number
  /** What becomes of a row that finds no room: it waits until there is some, or is refused with a `SpoolError`. @default 'wait' */
  readonly overflow?: 'wait' | 'reject'
  /** Makes the PRODUCER spans, one for each group of rows. @default the global provider */
  readonly tracerProvider?: TracerProvider | undefined
}

export const SPOOL_OPTIONS = {
  partitions: optional(integer(1, 64), 4),
  fsync: optional(boolean, true),
  maxFileBytes: optional(integer(1024 * 1024), 1024 ** 3),
  overflow: optional(oneOf('wait', 'reject'), 'wait'),
  tracerProvider: optional(implementing<TracerProvider>('a TracerProvider', 'getTracer')),
} satisfies OptionsOf<SpoolOptions>
