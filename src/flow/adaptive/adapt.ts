import type { Executor } from '../../executor/executor.ts'
import type { Lanes } from '../../lanes/lanes.ts'
import type { Intake } from '../intake.ts'
import type { FlowSettings } from '../options.ts'
import { watchWeakly } from '../outage-log.ts'
import { type AdaptiveSettings, clamp } from './options.ts'
import { OwnSlots, type SlotsOfFlow } from './own-slots.ts'
import { Tuner } from './tuner.ts'

/** How a flow finds its settings by itself. */
export interface Adaptation {
  /** What is found of the slots that batches take. */
  readonly slots: SlotsOfFlow
  /** Who learns from them. */
  readonly tuner: Tuner
  /** The flow is closed. */
  unwatch(): void
}

/** Batches at once to begin with. */
const FIRST = 4

export function adapt(
  { slots, gate }: Executor,
  { flushSize, clock }: FlowSettings,
  bounds: AdaptiveSettings,
  { intake, lanes }: { readonly intake: Intake; readonly lanes: Lanes },
): Adaptation {
  const start = { flushSize, concurrency: clamp(bounds.concurrency, FIRST) }
  const own = new OwnSlots(slots, start.concurrency)
  const tuner = new Tuner(start, bounds, clock, {
    get full() {
      return intake.full
    },
    apply: ({ flushSize, concurrency }) => {
      own.limit = concurrency
      lanes.resize(flushSize)
    },
  })
  return { slots: own, tuner, unwatch: watchWeakly(gate, tuner) }
}
