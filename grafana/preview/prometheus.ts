/** What the panels ask, answered by a Prometheus. */

export interface Line {
  /** Index of the target it belongs to. */
  readonly query: number
  readonly labels: Readonly<Record<string, string>>
  readonly name: string
  readonly points: readonly Point[]
}

export type Point = readonly [milliseconds: number, value: number]

export interface Target {
  readonly expr: string
  readonly legendFormat: string
  readonly instant?: boolean
  readonly exemplar?: boolean
}

export class Source {
  readonly #url: string
  readonly #end = Date.now() / 1000
  readonly #span: number
  readonly #step: number
  readonly #scrape: number

  /** All in seconds: how far back it looks, and how often the targets are scraped. */
  constructor(url: string, span: number, scrape: number) {
    this.#url = url
    this.#span = span
    this.#scrape = scrape
    this.#step = Math.max(scrape, Math.round(span / 200))
  }

  /** Both ends of what is shown, in milliseconds. */
  get shown(): readonly [number, number] {
    return [(this.#end - this.#span) * 1000, this.#end * 1000]
  }

  async lines({ expr, legendFormat, instant }: Target, query: number): Promise<Line[]> {
    const start = instant === true ? this.#end : this.#end - this.#span
    const time = { start: String(start), end: String(this.#end), step: String(this.#step) }
    const { result } = await this.#get<{ result: Series[] }>('query_range', { query: this.#filled(expr), ...time })
    const times = [...new Set(result.flatMap(({ values }) => values.map(([seconds]) => seconds)))].sort((a, b) => a - b)
    return result.map(({ metric, values }) => {
      const found = new Map(values)
      const points = times.map((seconds) => [seconds * 1000, Number(found.get(seconds) ?? Number.NaN)] as const)
      return {
        query,
        labels: metric,
        name: legendFormat.replace(/{{(\w+)}}/g, (_, label) => metric[label] ?? ''),
        points,
      }
    })
  }

  /** The dots of a query, whichever series they belong to. */
  async exemplars({ expr }: Target): Promise<Point[]> {
    const time = { start: String(this.#end - this.#span), end: String(this.#end) }
    const found = await this.#get<SeriesExemplars[]>('query_exemplars', { query: this.#filled(expr), ...time })
    return found.flatMap(({ exemplars }) =>
      exemplars.map(({ timestamp, value }) => [timestamp * 1000, Number(value)] as const),
    )
  }

  /** Every variable on "All", and the intervals as Grafana works them out. */
  #filled(expr: string): string {
    return expr
      .replaceAll('$__rate_interval', `${Math.max(4 * this.#scrape, this.#step + this.#scrape)}s`)
      .replaceAll('$__range', `${this.#span}s`)
      .replaceAll('=~"$job"', '=~".+"')
      .replace(/=~"\$\w+"/g, '=~".*"')
  }

  async #get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: T }
    if (status !== 'success') throw new Error(`${parameters['query']}: ${error}`)
    return data
  }
}

interface Series {
  readonly metric: Line['labels']
  readonly values: [number, string][]
}

interface SeriesExemplars {
  readonly exemplars: readonly { readonly timestamp: number; readonly value: string }[]
}
