import { BURN_RATES, OBJECTIVES, THRESHOLDS } from '../../../../collector/rules/thresholds.ts'
import { METRICS } from '../../../telemetry/metrics/catalogue.ts'
import { type History, total } from './history.ts'
import { bucketsOf, quantile } from './quantile.ts'

/** Seconds behind figures that say how things are; those of throughput follow faster. */
export const MINUTE = 60
export const MOMENT = 10

/** What the first row of the dashboards shows, over the last minute. `undefined`: nothing to tell it from. */
export interface Vitals {
  /** Whether there is any series of ours. */
  readonly present: boolean
  /** Tables of which rows wait while none is settled. */
  readonly standing: number
  /** Seconds. */
  readonly oldest: number | undefined
  /** Executors that wait for their database. */
  readonly paused: number
  readonly unsettled: number
  /** Share of batches in which every row was committed. */
  readonly succeeded: number | undefined
  /** Rows per second. */
  readonly committed: number | undefined
  /** Rows given up. */
  readonly failed: number
  /** Seconds. */
  readonly p99: number | undefined
  /** Share of attempts that were repeated. */
  readonly retried: number | undefined
}

export type Level = 'plain' | 'good' | 'warn' | 'bad'

export type Health = 'waiting' | 'stalled' | 'failing' | 'writing' | 'idle' | 'empty'

const EACH = ['database', 'table']
const { stalled } = THRESHOLDS

export function vitalsOf(history: History): Vitals {
  const minute = history.window(MINUTE)
  const moment = history.window(MOMENT)
  const success = { where: ({ status }: { status?: string }) => status === 'success' }
  const batches = total(minute.increase(METRICS.batches))
  const retries = total(minute.increase(METRICS.errors, { where: ({ type = '' }) => type.startsWith('retry:') }))
  const ages = history.now(METRICS.oldestRecordAge, { by: EACH })
  return {
    present: history.now(METRICS.executorConcurrency).length > 0,
    standing: standingIn(history),
    oldest: ages.length === 0 ? undefined : Math.max(...ages.map(({ value }) => value)),
    paused: total(history.now(METRICS.executorPaused)),
    unsettled: total(history.now(METRICS.unsettledRecords)),
    succeeded: share(total(minute.increase(METRICS.batches, success)), batches),
    committed: moment.seconds === 0 ? undefined : total(moment.rate(METRICS.records, success)),
    failed: total(minute.increase(METRICS.records, { where: ({ status }) => status === 'fail' })),
    p99: quantile(0.99, bucketsOf(minute, METRICS.executeDuration)),
    retried: share(retries, batches + retries),
  }
}

/** The first that holds: what stops everything comes before what spoils some of it. */
export function healthOf({ present, paused, standing, failed, unsettled, committed = 0 }: Vitals): Health {
  if (!present) return 'empty'
  if (paused > 0) return 'waiting'
  if (standing > 0) return 'stalled'
  if (failed > 0) return 'failing'
  return unsettled > 0 || committed > 0 ? 'writing' : 'idle'
}

/** The colours of the dashboards. */
export const LEVELS = {
  standing: (value) => (value >= 1 ? 'bad' : 'good'),
  oldest: (value) => rising(value, THRESHOLDS.oldestRow.warn, stalled.shown),
  paused: (value) => (value >= 1 ? 'bad' : 'good'),
  succeeded: (value) => {
    if (value >= OBJECTIVES.committed) return 'good'
    return value >= 1 - BURN_RATES.fast[0].rate * (1 - OBJECTIVES.committed) ? 'warn' : 'bad'
  },
  committed: () => 'plain',
  failed: (value) => (value > 0 ? 'bad' : 'good'),
  p99: (value) => rising(value, THRESHOLDS.execute.warn, THRESHOLDS.execute.alert),
  retried: (value) => rising(value, THRESHOLDS.retries.warn, THRESHOLDS.retries.alert),
} as const satisfies Partial<Record<keyof Vitals, (value: number) => Level>>

function standingIn(history: History): number {
  const before = history.window(stalled.shown)
  if (before.seconds < stalled.shown) return 0
  const settled = new Map(
    before.increase(METRICS.records, { by: EACH }).map(({ labels, value }) => [keyOf(labels), value]),
  )
  const old = history.now(METRICS.oldestRecordAge, { by: EACH }).filter(({ value }) => value > stalled.shown)
  return old.filter(({ labels }) => settled.get(keyOf(labels)) === 0).length
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(EACH.map((name) => labels[name]))
}

function share(part: number, whole: number): number | undefined {
  return whole > 0 ? part / whole : undefined
}

function rising(value: number, warn: number, bad: number): Level {
  if (value >= bad) return 'bad'
  return value >= warn ? 'warn' : 'good'
}
