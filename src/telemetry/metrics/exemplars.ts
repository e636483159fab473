import { type Attributes, type Context, isSpanContextValid, TraceFlags, trace } from '@opentelemetry/api'
import { SCOPE } from '../scope.ts'
import { METRICS } from './catalogue.ts'

/** One measured batch, and the span to look at for it. */
export interface Exemplar {
  /** What was measured, in seconds. */
  readonly value: number
  /** When, in milliseconds since the epoch; integral, as the SDK's own times are. */
  readonly at: number
  readonly traceId: string
  readonly spanId: string
}

/** The exemplars of one attribute set. */
export interface NotedExemplars {
  readonly attributes: Attributes
  /** The latest one of each bucket of the catalogue; where nothing fell into a bucket, a hole. */
  readonly latest: readonly (Exemplar | undefined)[]
}

/** Attribute sets remembered; beyond, the one that was not noted for the longest time is forgotten. */
const MAX_SETS = 1000

const BOUNDS = METRICS.executeDuration.buckets

/**
 * The latest sampled batch per attribute set and bucket of the execute duration. The SDK keeps no exemplars, so the
 * recorder notes them here and the Prometheus exporter fetches them. While no exporter wants them nothing is kept.
 */
export class ExemplarStore {
  readonly #sets = new Map<string, NotedExemplars & { readonly latest: (Exemplar | undefined)[] }>()
  #wanted = 0

  /** Begins to keep exemplars. Returns what ends it, which may be called again; with the last one all are forgotten. */
  want(): () => void {
    this.#wanted++
    let done = false
    return () => {
      if (done) return
      done = true
      this.#wanted--
      if (this.#wanted === 0) this.#sets.clear()
    }
  }

  /** Keeps `seconds` if `batch` is the context of a sampled span; otherwise it costs next to nothing. */
  note(seconds: number, attributes: Attributes, batch: Context): void {
    if (this.#wanted === 0 || !Number.isFinite(seconds)) return
    const span = trace.getSpanContext(batch)
    if (span === undefined || (span.traceFlags & TraceFlags.SAMPLED) === 0 || !isSpanContextValid(span)) return
    const { traceId, spanId } = span
    this.#latestOf(attributes)[bucketOf(seconds, BOUNDS)] = { value: seconds, at: Date.now(), traceId, spanId }
  }

  noted(): Iterable<NotedExemplars> {
    return this.#sets.values()
  }

  #latestOf(attributes: Attributes): (Exemplar | undefined)[] {
    const key = JSON.stringify(attributes)
    const set = this.#sets.get(key) ?? { attributes, latest: [] }
    this.#sets.delete(key) // back to the end of the queue
    this.#sets.set(key, set)
    if (this.#sets.size > MAX_SETS) this.#sets.delete(this.#sets.keys().next().value as string)
    return set.latest
  }
}

/** Index of the first bucket whose upper bound, which belongs to it, is not below the value; the last has no bound. */
export function bucketOf(value: number, bounds: readonly number[]): number {
  const index = bounds.findIndex((bound) => value <= bound)
  return index === -1 ? bounds.length : index
}

/** The store hangs on a global symbol, for the reporter may be loaded by `require` and the exporter by `import`, or the other way round. */
const STORE: unique symbol = Symbol.for(`${SCOPE.name}@${SCOPE.version}/exemplars`)

const holder = globalThis as typeof globalThis & { [STORE]?: ExemplarStore }

/** The store of this process, shared by all copies of this version. */
export function exemplarStore(): ExemplarStore {
  holder[STORE] ??= new ExemplarStore()
  return holder[STORE]
}
