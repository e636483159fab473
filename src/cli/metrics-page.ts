/** One sample of a metrics page. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*?)\})? (\S+)/
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** What is of interest here of a page in the text format of Prometheus: samples whose names begin with `prefix`. */
export function samplesOf(page: string, prefix: string): readonly Sample[] {
  const samples: Sample[] = []
  for (const line of page.split('\n')) {
    if (!line.startsWith(prefix)) continue
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    if (name === undefined) continue
    const pairs = Array.from(labels.matchAll(LABEL), ([, label, text]) => [label!, unescaped(text!)] as const)
    samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value) })
  }
  return samples
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}

/** Cumulative counts by the upper bounds of their buckets → the value below which that share lies, as `histogram_quantile`. */
export function quantile(share: number, buckets: ReadonlyMap<number, number>): number | undefined {
  const bounds = [...buckets].sort(([a], [b]) => a - b)
  const total = bounds.at(-1)?.[1] ?? 0
  if (total === 0) return undefined
  const rank = share * total
  let [lower, below] = [0, 0]
  for (const [upper, count] of bounds) {
    if (count >= rank) {
      if (upper === Number.POSITIVE_INFINITY) return lower
      return lower + ((upper - lower) * (rank - below)) / Math.max(count - below, 1)
    }
    lower = upper
    below = count
  }
  return lower
}
