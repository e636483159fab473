import type { SpanContext } from '@opentelemetry/api'
import { isSignal } from '../support/abort.ts'
import { type OptionsOf, optional, parse, record } from '../support/validate.ts'
import type { SubmitOptions } from './flow.ts'

export interface DeliverOptions extends SubmitOptions {
  /** The span the row comes from, for the link of its batch. @default none: not even one that is active now */
  readonly origin?: SpanContext | undefined
}

const SUBMIT = { signal: optional(isSignal) } satisfies OptionsOf<SubmitOptions>

const DELIVER = {
  ...SUBMIT,
  origin: optional((name, value) => record(name, value) as unknown as SpanContext),
} satisfies OptionsOf<DeliverOptions>

/** Once for every row, so what is right is seen without taking it apart. */
export function signalOf(owner: string, options: SubmitOptions | undefined): AbortSignal | undefined {
  if (options === undefined) return undefined
  for (const key in options) if (key !== 'signal') parse(owner, SUBMIT, options)
  return options?.signal instanceof AbortSignal ? options.signal : parse(owner, SUBMIT, options).signal
}

export function deliverOptions(options: DeliverOptions = NOTHING): DeliverOptions {
  for (const key in options) if (key !== 'origin') return parse('deliver', DELIVER, options)
  const { origin } = options
  return origin === undefined || typeof origin === 'object' ? options : parse('deliver', DELIVER, options)
}

const NOTHING: DeliverOptions = Object.freeze({})
