import { isSpanContextValid, type SpanContext } from '@opentelemetry/api'
import type { FlowTracing } from '../contract/tracing.ts'
import type { Lane } from '../lanes/lane.ts'

/** Where rows come from, as somebody knows who hands them over. */
export interface RowOrigin {
  /** `undefined`: from no span. */
  originOf(lane: Lane): SpanContext | undefined
}

/** Rows come from the span that was told. */
export class Given implements RowOrigin {
  static readonly none = new Given(undefined)
  /** As it was told. */
  readonly origin: SpanContext | undefined
  readonly #valid: SpanContext | undefined

  constructor(origin: SpanContext | undefined) {
    this.origin = origin
    this.#valid = origin !== undefined && isSpanContextValid(origin) ? origin : undefined
  }

  originOf(): SpanContext | undefined {
    return this.#valid
  }
}

/** Rows of one call come from one place, which is asked for once, and again when somebody else has begun to trace. */
export class Call implements RowOrigin {
  #tracing: FlowTracing | undefined
  #origin: SpanContext | undefined

  originOf(lane: Lane): SpanContext | undefined {
    if (lane.tracing !== this.#tracing) {
      this.#tracing = lane.tracing
      this.#origin = lane.origin()
    }
    return this.#origin
  }
}
