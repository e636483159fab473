import { type Check, nested, type OptionsOf, optional, refuse, text } from '../../support/validate.ts'

export interface LivePageOptions {
  /** What the page is called. @default 'BatchFlow' */
  readonly title?: string | undefined
  /**
   * Address of a batch's trace, `http:` or `https:`, in which `{traceId}` and `{spanId}` are replaced:
   * `https://jaeger.example.org/trace/{traceId}`. Without it the page has trace ids and no links.
   */
  readonly traceUrl?: string | undefined
}

const traceUrl: Check<string> = (name, value) => {
  const wanted = 'an http or https URL with {traceId} in it'
  if (typeof value !== 'string' || !value.includes('{traceId}')) return refuse(name, wanted, value)
  const example = value.replaceAll('{traceId}', '0').replaceAll('{spanId}', '0')
  if (!URL.canParse(example) || !/^https?:$/.test(new URL(example).protocol)) return refuse(name, wanted, value)
  return value
}

const LIVE_PAGE = {
  title: optional(text),
  traceUrl: optional(traceUrl),
} satisfies OptionsOf<LivePageOptions>

/** `false`, `true`, or what is to be different. */
export const livePage: Check<boolean | LivePageOptions> = (name, value) =>
  typeof value === 'boolean' ? value : nested(LIVE_PAGE)(name, value)
