/** The slice of Jaeger's query API that is needed here. */
export interface StoredSpan {
  readonly spanID: string
  readonly traceID: string
  readonly operationName: string
  readonly references: readonly {
    readonly refType: 'CHILD_OF' | 'FOLLOWS_FROM'
    readonly traceID: string
    readonly spanID: string
  }[]
}

export class JaegerApi {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** The spans of a trace; none when the store has no such trace. */
  async trace(id: string): Promise<StoredSpan[]> {
    const response = await fetch(`${this.#url}/api/traces/${id}`)
    if (response.status === 404) return []
    const { data } = (await response.json()) as { data: { spans: StoredSpan[] }[] | null }
    return (data ?? []).flatMap(({ spans }) => spans)
  }
}
