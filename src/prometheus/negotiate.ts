/** `text` is the Prometheus text format 0.0.4, `openmetrics` is OpenMetrics 1.0, the one of the two that has exemplars. */
export type PageFormat = 'text' | 'openmetrics'

export interface Negotiated {
  readonly format: PageFormat
  /** Content type of the response. */
  readonly contentType: string
}

interface MediaRange {
  readonly type: string
  readonly version: string | undefined
  readonly quality: number
}

const TEXT = 'text/plain'
const TEXT_VERSION = '0.0.4'
const OPENMETRICS = 'application/openmetrics-text'
/** 0.0.1 is what Prometheus called it before it became a standard, and what older ones still ask for. */
const OPENMETRICS_VERSIONS = ['1.0.0', '0.0.1']

/**
 * Chooses the format by the request's `Accept` (RFC 9110, section 12.5.1). OpenMetrics must be asked for by name and at
 * least as much as text; everyone else gets text, even who accepts neither: a page in a browser is better than a 406.
 */
export function negotiate(accept = ''): Negotiated {
  const ranges = accept.split(',').map(parseRange)
  const asked = ranges
    .filter(({ type, version = '1.0.0' }) => type === OPENMETRICS && OPENMETRICS_VERSIONS.includes(version))
    .sort((a, b) => b.quality - a.quality)[0]
  if (asked === undefined || asked.quality === 0 || asked.quality < textQuality(ranges)) {
    return { format: 'text', contentType: `${TEXT}; version=${TEXT_VERSION}; charset=utf-8` }
  }
  const { version = '1.0.0' } = asked
  return { format: 'openmetrics', contentType: `${OPENMETRICS}; version=${version}; charset=utf-8` }
}

/** Whether `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3). Who says nothing gets the page as it is. */
export function acceptsGzip(acceptEncoding = ''): boolean {
  const codings = acceptEncoding.split(',').map(parseRange)
  const { quality } = codings.find(({ type }) => type === 'gzip') ?? codings.find(({ type }) => type === '*') ?? NOTHING
  return quality > 0
}

const NOTHING = { quality: 0 }

/** Quality of the most specific range that covers the text format. */
function textQuality(ranges: readonly MediaRange[]): number {
  for (const type of [TEXT, 'text/*', '*/*']) {
    const covering = ranges.filter((range) => range.type === type && (range.version ?? TEXT_VERSION) === TEXT_VERSION)
    if (covering.length > 0) return Math.max(...covering.map(({ quality }) => quality))
  }
  return 0
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const values = new Map(parameters.map(parseParameter))
  return { type, version: values.get('version'), quality: parseQuality(values.get('q')) }
}

function parseParameter(text: string): [name: string, value: string] {
  const [name = '', value = ''] = text.split('=', 2).map((part) => part.trim())
  return [name, value.replace(/^"(.*)"$/, '$1')]
}

/** 1 where none is given; 0, which is "not this one", where it is not a number from 0 to 1. */
function parseQuality(text = '1'): number {
  return /^(0(\.\d*)?|1(\.0*)?)$/.test(text) ? Number(text) : 0
}
