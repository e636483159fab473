/** The slice of Prometheus' HTTP API that is needed here. */

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Rule {
  readonly name: string
  readonly query: string
  readonly type: 'recording' | 'alerting'
  readonly health: string
}

export interface Alert {
  readonly name: string
  /** Absent where the alert is about no application in particular. */
  readonly job: string | undefined
  /** Absent where it is about no table in particular. */
  readonly table: string | undefined
  readonly state: string
}

export interface Exemplar {
  readonly labels: Labels
  readonly value: number
}

export interface SeriesExemplars {
  readonly seriesLabels: Labels
  readonly exemplars: readonly Exemplar[]
}

export class PrometheusApi {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** @param time in seconds since the epoch */
  async query(expr: string, time: number): Promise<Sample[]> {
    const data = await this.#get<Vector | Scalar>('query', { query: expr, time: String(time) })
    if (data.resultType === 'scalar') return [{ labels: {}, value: Number(data.result[1]) }]
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }

  labelValues(label: string, match: string): Promise<string[]> {
    return this.#get(`label/${label}/values`, { 'match[]': match })
  }

  /** Exemplars of the series that `expr` selects. */
  async exemplars(expr: string, start: number, end: number): Promise<SeriesExemplars[]> {
    const parameters = { query: expr, start: String(start), end: String(end) }
    const found = await this.#get<RawExemplars[]>('query_exemplars', parameters)
    return found.map(({ seriesLabels, exemplars }) => ({
      seriesLabels,
      exemplars: exemplars.map(({ labels, value }) => ({ labels, value: Number(value) })),
    }))
  }

  /** Every sample of each series that a range selector like `x[5m]` selects, oldest first. */
  async range(selector: string, time: number): Promise<number[][]> {
    const { result } = await this.#get<Matrix>('query', { query: selector, time: String(time) })
    return result.map(({ values }) => values.map(([, value]) => Number(value)))
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules', {})
    return groups.flatMap(({ rules }) => rules)
  }

  async alerts(): Promise<Alert[]> {
    const { alerts } = await this.#get<{ alerts: { labels: Labels; state: string }[] }>('alerts', {})
    return alerts.map(({ labels, state }) => {
      const { alertname = '', job, table } = labels
      return { name: alertname, job, table, state }
    })
  }

  async #get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const answer = (await response.json()) as { status: string; error?: string; data: T }
    if (answer.status !== 'success') throw new Error(`${path} ${parameters['query'] ?? ''}: ${answer.error}`)
    return answer.data
  }
}

interface Vector {
  readonly resultType: 'vector'
  readonly result: { readonly metric: Labels; readonly value: readonly [number, string] }[]
}

interface Scalar {
  readonly resultType: 'scalar'
  readonly result: readonly [number, string]
}

interface Matrix {
  readonly result: { readonly metric: Labels; readonly values: readonly (readonly [number, string])[] }[]
}

interface RawExemplars {
  readonly seriesLabels: Labels
  readonly exemplars: readonly { readonly labels: Labels; readonly value: string }[]
}
