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
  readonly state: string
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
  exemplars(expr: string, start: number, end: number): Promise<{ exemplars: { labels: Labels }[] }[]> {
    return this.#get('query_exemplars', { query: expr, start: String(start), end: String(end) })
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules', {})
    return groups.flatMap(({ rules }) => rules)
  }

  async alerts(): Promise<Alert[]> {
    const { alerts } = await this.#get<{ alerts: { labels: Labels; state: string }[] }>('alerts', {})
    return alerts.map(({ labels, state }) => ({ name: labels['alertname'] ?? '', state }))
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
