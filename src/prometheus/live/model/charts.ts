import { METRICS } from '../../../telemetry/metrics/catalogue.ts'
import { SOURCE_METRICS } from '../../../telemetry/metrics/source-catalogue.ts'
import type { Unit } from './format.ts'
import { type Group, type History, type Select, total } from './history.ts'
import { bucketsOf, quantile } from './quantile.ts'
import type { TextName } from './texts.ts'
import { MINUTE, MOMENT } from './vitals.ts'

export interface ChartSpec {
  readonly title: TextName
  readonly unit: Unit
  /** Whether lines add up. */
  readonly stack: boolean
  /** Values that spread widely are drawn on a logarithmic axis. */
  readonly log?: boolean
  /** Shown only where there is something in it. */
  readonly optional?: boolean
  /** Names that are words of the page, and not labels. */
  readonly words?: Readonly<Record<string, TextName>>
  /** The latest value of each line, by its name. */
  values(history: History): ReadonlyMap<string, number | undefined>
}

const BY_TABLE = ['table', 'database'] as const
const COMMITTED: Select = { by: BY_TABLE, where: ({ status }) => status === 'success' }

export const CHARTS: readonly ChartSpec[] = [
  {
    title: 'rows',
    unit: 'perSecond',
    stack: true,
    values: (history) => named(history.window(MOMENT).rate(METRICS.records, COMMITTED)),
  },
  {
    title: 'execute',
    unit: 'seconds',
    stack: false,
    log: true,
    values(history) {
      const buckets = bucketsOf(history.window(MINUTE), METRICS.executeDuration)
      return new Map([0.5, 0.95].map((q) => [`p${q * 100}`, quantile(q, buckets)]))
    },
  },
  {
    title: 'queue',
    unit: 'count',
    stack: true,
    values: (history) => named(history.now(METRICS.queueLength, { by: BY_TABLE })),
  },
  {
    title: 'slots',
    unit: 'count',
    stack: false,
    words: { inflight: 'inflight', slotsUsed: 'slotsUsed', slotsAll: 'slotsAll' },
    values(history) {
      const limit = total(history.now(METRICS.executorSlots))
      const inflight = new Map([['inflight', total(history.now(METRICS.inflightBatches))]])
      if (limit === 0) return inflight
      return inflight.set('slotsUsed', total(history.now(METRICS.executorSlotsUsed))).set('slotsAll', limit)
    },
  },
  {
    title: 'failures',
    unit: 'perSecond',
    stack: true,
    values: (history) => named(history.window(MOMENT).rate(METRICS.errors, { by: ['type'] })),
  },
  {
    title: 'lag',
    unit: 'count',
    stack: true,
    optional: true,
    values: (history) => named(history.now(SOURCE_METRICS.sourceLag, { by: ['partition', 'source'] })),
  },
]

/** `flights`; `flights (postgres)` where there is a second database. */
function named(groups: readonly Group[]): Map<string, number> {
  const seconds = new Set(groups.map(({ labels }) => Object.values(labels)[1]))
  return new Map(
    groups.map(({ labels, value }) => {
      const [name = '', second] = Object.values(labels)
      return [seconds.size > 1 ? `${name} (${second})` : name, value]
    }),
  )
}
