/** A line of a metrics page, read back. */
export interface ReadSample {
  readonly name: string
  /** Name, `=` and quoted value of each label, as they are written. */
  readonly labels: readonly string[]
  readonly value: string
  /** Labels, value and timestamp behind the `#`. */
  readonly exemplar: readonly [labels: string, value: number, seconds: number] | undefined
}

const SAMPLE = /^(\w+)(?:\{(.*?)\})? (\S+)(?: # (\{.*\}) (\S+) (\S+))?$/
const LABEL = /\w+="(?:[^"\\]|\\.)*"/g

/** The samples of a page in either format, in order. */
export function samplesOf(page: string): ReadSample[] {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [, name, labels = '', value, exemplar, exemplarValue, seconds] = SAMPLE.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`)
    return {
      name,
      labels: labels.match(LABEL) ?? [],
      value,
      exemplar: exemplar === undefined ? undefined : [exemplar, Number(exemplarValue), Number(seconds)],
    }
  })
}

/** Name, labels sorted, and value: what makes a page equal to another whatever its order. */
export function seriesOf(page: string): string[] {
  return samplesOf(page)
    .map(({ name, labels, value }) => `${name}{${[...labels].sort().join(',')}} ${value}`)
    .sort()
}
