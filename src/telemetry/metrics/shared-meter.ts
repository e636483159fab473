import { type BatchObservableResult, createNoopMeter, diag, type Meter, type MeterProvider } from '@opentelemetry/api'
import { Guard } from '../../support/guard.ts'
import { warnOfOtherApi } from '../api-copies.ts'
import { SCOPE } from '../scope.ts'
import { Backlog } from './backlog.ts'
import { Counters } from './counters.ts'
import { createInstruments, type Instruments } from './instruments.ts'
import { LabelCap } from './label-cap.ts'
import { LiveGauges } from './live-gauges.ts'

/** Distinct tables recorded under their own name; later ones are `_other`. */
const MAX_TABLES = 60
/** Distinct reasons likewise: a `classify` hook of the user may invent labels without end. */
const MAX_REASONS = 60

/** What all reporters on one meter provider have in common. */
export interface SharedMeter {
  readonly instruments: Instruments
  /** What was measured and is not yet recorded. */
  readonly backlog: Backlog
  readonly counters: Counters
  readonly gauges: LiveGauges
  readonly tables: LabelCap
  readonly reasons: LabelCap
}

/**
 * An application may load this module several times: once by `import`, once by `require`, or bundled into two parts of it.
 * Two callbacks on one meter overwrite each other's observations, so all copies of a version share this registry, which
 * therefore hangs on a global symbol. Another version has another symbol; its meter, too, is another one.
 */
const REGISTRY: unique symbol = Symbol.for(`${SCOPE.name}@${SCOPE.version}/meters`)

const holder = globalThis as typeof globalThis & { [REGISTRY]?: WeakMap<MeterProvider, SharedMeter> }

/**
 * The meter of a provider with its instruments, made at the first call. `undefined` when the provider is the API's no-op,
 * that is when no SDK is registered, or only with another copy of the API, and when making the instruments fails; either is said through `diag`.
 */
export function sharedMeterOf(provider: MeterProvider): SharedMeter | undefined {
  holder[REGISTRY] ??= new WeakMap()
  const registry = holder[REGISTRY]
  const known = registry.get(provider)
  if (known !== undefined) return known
  const guard = new Guard('the meter failed; writing goes on, further failures are not logged')
  return guard.run(() => {
    const meter = provider.getMeter(SCOPE.name, SCOPE.version)
    if (meter === createNoopMeter()) {
      warnOfOtherApi()
      diag.warn(`${SCOPE.name}: no MeterProvider is registered yet, so this flow reports no metrics`)
      return undefined
    }
    const shared = createShared(meter, guard)
    registry.set(provider, shared)
    return shared
  })
}

/**
 * Two callbacks that observe the same attributes overwrite each other, so there is one. And what it says belongs together:
 * rows accepted are as many as rows settled and unsettled, whenever somebody looks.
 */
function createShared(meter: Meter, guard: Guard): SharedMeter {
  const reasons = new LabelCap(MAX_REASONS)
  const counters = new Counters(meter)
  const gauges = new LiveGauges(meter, guard, counters, reasons)
  const backlog = new Backlog(guard)
  const observe = (result: BatchObservableResult) => {
    backlog.drain()
    gauges.observe(result)
    guard.run(() => counters.tell())
  }
  meter.addBatchObservableCallback(observe, gauges.instruments)
  const instruments = createInstruments(meter, backlog)
  return { instruments, backlog, counters, gauges, tables: new LabelCap(MAX_TABLES), reasons }
}
