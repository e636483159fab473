import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import {
  ATTR_DB_COLLECTION_NAME,
  ATTR_DB_OPERATION_BATCH_SIZE,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_QUERY_TEXT,
  ATTR_DB_RESPONSE_STATUS_CODE,
  ATTR_ERROR_TYPE,
} from '@opentelemetry/semantic-conventions'
import type { Operation } from '../../contract/driver.ts'
import type { AttemptFailure, AttemptTrace, BatchOutcome, BatchTrace, OutageWait } from '../../contract/tracing.ts'
import { counted } from '../../support/text.ts'
import { SPAN_ATTR, SPAN_EVENT } from './span-attributes.ts'

export type AttemptSpans = 'client' | 'internal' | 'none'

export interface BatchTraceOptions {
  readonly attemptSpans: AttemptSpans
  readonly queryText: boolean
}

/** The span of a batch, and those of its attempts under it. */
export class TracedBatch implements BatchTrace {
  readonly context: Context
  readonly #tracer: Tracer
  readonly #span: Span
  readonly #common: Attributes
  readonly #options: BatchTraceOptions

  /** @param common attributes of every attempt */
  constructor(tracer: Tracer, span: Span, common: Attributes, options: BatchTraceOptions) {
    this.context = trace.setSpan(ROOT_CONTEXT, span)
    this.#tracer = tracer
    this.#span = span
    this.#common = common
    this.#options = options
  }

  get spanContext(): SpanContext {
    return this.#span.spanContext()
  }

  within<T>(act: () => T): T {
    return context.with(this.context, act)
  }

  startAttempt(operation: Operation, table: string): AttemptTrace | undefined {
    const { attemptSpans, queryText } = this.#options
    if (attemptSpans === 'none' || !this.#span.isRecording()) return undefined
    const kind = attemptSpans === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL
    const attributes: Attributes = {
      ...this.#common,
      [ATTR_DB_COLLECTION_NAME]: table,
      [ATTR_DB_OPERATION_NAME]: operation.name,
    }
    if (queryText) attributes[ATTR_DB_QUERY_TEXT] = operation.text
    // The conventions: never 1, and a statement with many rows is not a batch of operations.
    const { batchSize = 1 } = operation
    if (batchSize > 1) attributes[ATTR_DB_OPERATION_BATCH_SIZE] = batchSize
    const name = `${operation.name} ${table}`
    return new TracedAttempt(this.#tracer.startSpan(name, { kind, attributes }, this.context))
  }

  outageBegan({ reason, code }: AttemptFailure): void {
    this.#span.addEvent(SPAN_EVENT.outageBegan, {
      [ATTR_ERROR_TYPE]: reason,
      ...(code !== undefined && { [ATTR_DB_RESPONSE_STATUS_CODE]: code }),
    })
  }

  outageEnded({ seconds, attempts }: OutageWait): void {
    this.#span.addEvent(SPAN_EVENT.outageEnded, {
      [SPAN_ATTR.outageDuration]: seconds,
      [SPAN_ATTR.outageAttempts]: attempts,
    })
  }

  end({ attempts, failed, ambiguous, reason }: BatchOutcome): void {
    this.#span.setAttribute(SPAN_ATTR.attempts, attempts)
    if (reason !== undefined) {
      this.#span.setAttributes({ [SPAN_ATTR.failed]: failed, [ATTR_ERROR_TYPE]: reason })
      if (ambiguous > 0) this.#span.setAttribute(SPAN_ATTR.ambiguous, ambiguous)
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: `${counted(failed, 'row')} failed: ${reason}` })
    }
    this.#span.end()
  }
}

class TracedAttempt implements AttemptTrace {
  readonly #span: Span

  constructor(span: Span) {
    this.#span = span
  }

  within<T>(act: () => T): T {
    return context.with(trace.setSpan(ROOT_CONTEXT, this.#span), act)
  }

  /** What the client threw is not recorded: databases quote values of rows in their messages. */
  end(failure?: AttemptFailure): void {
    if (failure !== undefined) {
      const { reason, code } = failure
      this.#span.setAttribute(ATTR_ERROR_TYPE, reason)
      if (code !== undefined) this.#span.setAttribute(ATTR_DB_RESPONSE_STATUS_CODE, code)
      const message = code === undefined ? reason : `${reason} (${code})`
      this.#span.recordException({ name: reason, message })
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message })
    }
    this.#span.end()
  }
}
