import { METRICS } from '../../../telemetry/metrics/catalogue.ts'
import type { History } from './history.ts'

/** A batch whose trace was sampled. */
export interface SeenBatch {
  readonly traceId: string
  readonly spanId: string
  /** When it ended, in milliseconds since the epoch. */
  readonly at: number
  readonly seconds: number
  readonly table: string
  readonly database: string
  /** Why it failed; absent where it did not. */
  readonly reason: string | undefined
}

const FAILED = 8
const SLOW = 6
/** Milliseconds after which a batch that was slow is no news any more. */
const NEWS = 600_000

/** The latest batches that failed and the slowest ones of the last ten minutes, as exemplars tell of them. */
export class NotableBatches {
  #seen = new Map<string, SeenBatch>()

  /** Looks at the exemplars of the latest page. */
  look(history: History): void {
    for (const { series, exemplar } of history.exemplars(METRICS.executeDuration)) {
      const { trace_id: traceId = '', span_id: spanId = '' } = exemplar?.labels ?? {}
      if (exemplar === undefined || traceId === '') continue
      const { table = '', database = '', status, error_type: reason = 'unknown' } = series.labels
      const failed = status === 'fail' ? reason : undefined
      const { at, value: seconds } = exemplar
      this.#seen.set(spanId, { traceId, spanId, at, seconds, table, database, reason: failed })
    }
    this.#seen = new Map(this.list(history.at).map((batch) => [batch.spanId, batch]))
  }

  /** The newest first. */
  list(now: number): SeenBatch[] {
    const all = [...this.#seen.values()]
    const failed = all.filter(({ reason }) => reason !== undefined).sort(newestFirst)
    const slow = all.filter(({ reason, at }) => reason === undefined && at > now - NEWS)
    slow.sort((a, b) => b.seconds - a.seconds)
    return [...failed.slice(0, FAILED), ...slow.slice(0, SLOW)].sort(newestFirst)
  }
}

/** The address of a batch's trace. */
export function traceAddress(template: string, { traceId, spanId }: Pick<SeenBatch, 'traceId' | 'spanId'>): string {
  return template
    .replaceAll('{traceId}', encodeURIComponent(traceId))
    .replaceAll('{spanId}', encodeURIComponent(spanId))
}

function newestFirst(a: SeenBatch, b: SeenBatch): number {
  return b.at - a.at
}
