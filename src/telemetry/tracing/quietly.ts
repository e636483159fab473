import { diag } from '@opentelemetry/api'

/** What `act` returns; `undefined` when it throws, as a sampler or span processor may: no row must feel that. */
export function quietly<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    diag.error('batchflow-otel: tracing threw; the spans of a batch are incomplete', error)
    return undefined
  }
}
