import { METRICS, type MetricSpec } from '../../../telemetry/metrics/catalogue.ts'
import type { Group, History } from './history.ts'
import { bucketsOf, quantile } from './quantile.ts'
import type { TextName } from './texts.ts'
import { MINUTE } from './vitals.ts'

export interface Stage {
  readonly name: TextName
  /** Seconds, of the last minute. */
  readonly p50: number | undefined
  readonly p95: number | undefined
}

const STAGES: readonly (readonly [TextName, MetricSpec])[] = [
  ['enqueueStage', METRICS.enqueueLatency],
  ['dequeueStage', METRICS.dequeueLatency],
  ['assembleStage', METRICS.assembleDuration],
  ['executeStage', METRICS.executeDuration],
  ['processStage', METRICS.processDuration],
]

/** What a row's way consists of, in its order. */
export function stagesOf(history: History): Stage[] {
  const minute = history.window(MINUTE)
  return STAGES.map(([name, metric]) => {
    const buckets = bucketsOf(minute, metric)
    return { name, p50: quantile(0.5, buckets), p95: quantile(0.95, buckets) }
  })
}

/** Failures since the process started by `type` and `table`, the most frequent first. */
export function failuresOf(history: History): Group[] {
  return mostFirst(history.now(METRICS.errors, { by: ['type', 'table', 'database'] }))
}

/** Outages since the process started by `database` and `reason`. */
export function outagesOf(history: History): Group[] {
  return mostFirst(history.now(METRICS.executorOutages, { by: ['database', 'reason'] }))
}

function mostFirst(groups: readonly Group[]): Group[] {
  return groups.filter(({ value }) => value > 0).sort((a, b) => b.value - a.value)
}
