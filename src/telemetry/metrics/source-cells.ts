import type { Attributes } from '@opentelemetry/api'
import type { MessageOutcome, SourceProbe } from '../../contract/metrics-reporter.ts'
import { cellOf } from './cells.ts'
import type { Counters } from './counters.ts'
import { LabelCap } from './label-cap.ts'
import { ATTR } from './metric-spec.ts'

/** Distinct partitions recorded under their own name; later ones are `_other`. */
const MAX_PARTITIONS = 60

const OUTCOMES: readonly MessageOutcome[] = ['committed', 'dead_lettered', 'dropped']

/** Workers of one set of attributes. */
interface SourceCell {
  readonly attributes: Attributes
  partitions: number
  /** What was counted of each worker. */
  readonly counted: WeakMap<SourceProbe, Counted>
}

type Counted = Record<MessageOutcome | 'redelivered', number>

/** A partition of workers of one set of attributes. */
interface LagCell {
  readonly attributes: Attributes
  messages: number
  seconds: number
}

/** What is seen of the logs that flows write from, as sums by attributes. What is gone goes on being observed, with 0. */
export class SourceCells {
  readonly #counters: Counters
  readonly #labels = new LabelCap(MAX_PARTITIONS)
  readonly #sources = new Map<string, SourceCell>()
  readonly #lags = new Map<string, LagCell>()

  constructor(counters: Counters) {
    this.#counters = counters
  }

  get sources(): Iterable<Readonly<SourceCell>> {
    return this.#sources.values()
  }

  get lags(): Iterable<Readonly<LagCell>> {
    return this.#lags.values()
  }

  clear(): void {
    for (const cell of this.#sources.values()) cell.partitions = 0
    for (const cell of this.#lags.values()) cell.messages = cell.seconds = 0
  }

  add(probe: SourceProbe, common: Attributes): void {
    this.#of(probe, common).partitions += probe.partitions
    this.count(probe, common)
    for (const [partition, { messages, seconds = 0 }] of probe.lag) {
      const label = this.#labels.admit(partition)
      const attributes = { [ATTR.source]: probe.source, [ATTR.partition]: label, ...common }
      const cell = cellOf(this.#lags, attributes, (): LagCell => ({ attributes, messages: 0, seconds: 0 }))
      cell.messages += messages
      cell.seconds = Math.max(cell.seconds, seconds)
    }
  }

  /** Counts what is new since it was counted last. */
  count(probe: SourceProbe, common: Attributes): void {
    const { attributes, counted } = this.#of(probe, common)
    const before = counted.get(probe) ?? { committed: 0, dead_lettered: 0, dropped: 0, redelivered: 0 }
    counted.set(probe, { ...probe.messages, redelivered: probe.redelivered })
    this.#counters.of('sourceRedelivered', attributes).add(probe.redelivered - before.redelivered)
    for (const outcome of OUTCOMES) {
      const series = this.#counters.of('sourceMessages', { ...attributes, [ATTR.outcome]: outcome })
      series.add(probe.messages[outcome] - before[outcome])
    }
  }

  #of({ source }: SourceProbe, common: Attributes): SourceCell {
    const attributes = { [ATTR.source]: source, ...common }
    return cellOf(this.#sources, attributes, () => ({ attributes, partitions: 0, counted: new WeakMap() }))
  }
}
