/** Reads what `/metrics` answers in OpenMetrics: our own series alone, with their exemplars. */

export type Labels = Readonly<Record<string, string>>

export interface Series {
  /** Name and labels as they were written. */
  readonly key: string
  /** With its suffix: `batchflow_records_total`. */
  readonly name: string
  readonly labels: Labels
}

export interface Exemplar {
  readonly labels: Labels
  readonly value: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Sample {
  readonly series: Series
  readonly value: number
  readonly exemplar: Exemplar | undefined
}

const PREFIX = 'batchflow_'
const LABELS = String.raw`\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}`
const LINE = new RegExp(String.raw`^((\w+)(${LABELS})?) (\S+)(?: [\d.]+)?(?: # (${LABELS}) (\S+) (\S+))?$`)
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

export class PageReader {
  /** Labels are taken apart once: the same series come with every page. */
  #known = new Map<string, Series>()

  /** The samples of a page. A page that was cut off has no end mark, and is refused. */
  read(page: string): Sample[] {
    if (!page.trimEnd().endsWith('# EOF')) throw new Error('the page has no end')
    const samples: Sample[] = []
    for (const line of page.split('\n')) {
      const [, key, name, labels, value, ...exemplar] = line.startsWith(PREFIX) ? (LINE.exec(line) ?? []) : []
      if (key === undefined || name === undefined || value === undefined) continue
      const series = this.#known.get(key) ?? { key, name, labels: labelsOf(labels) }
      samples.push({ series, value: numberOf(value), exemplar: exemplarOf(exemplar) })
    }
    this.#known = new Map(samples.map(({ series }) => [series.key, series]))
    return samples
  }
}

export function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

function exemplarOf([labels, value, seconds]: readonly (string | undefined)[]): Exemplar | undefined {
  if (value === undefined || seconds === undefined) return undefined
  return { labels: labelsOf(labels), value: numberOf(value), at: Number(seconds) * 1000 }
}

function labelsOf(text = ''): Labels {
  return Object.fromEntries(Array.from(text.matchAll(LABEL), ([, name, value]) => [name, unquoted(value ?? '')]))
}

function unquoted(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}
