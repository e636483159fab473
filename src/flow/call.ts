import type { SpanContext } from '@opentelemetry/api'
import type { FlowTracing } from '../contract/tracing.ts'
import type { Lane } from '../lanes/lane.ts'

/** Rows of one call come from one place, which is asked for once, and again when somebody else has begun to trace. */
export class Call {
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
