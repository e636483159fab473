import uPlot from 'uplot'
import type { ChartSpec } from '../model/charts.ts'
import { type Format, formatOf } from '../model/format.ts'
import { type Line, type Points, stacked } from '../model/points.ts'
import { type Language, TEXTS, type TextName } from '../model/texts.ts'
import { make, say } from './dom.ts'

const HEIGHT = 168
const AXIS = 62

/** A chart over what was seen so far, and beside it the latest values in words. */
export class Chart {
  readonly element: HTMLElement
  readonly #spec: ChartSpec
  readonly #points: Points
  readonly #language: Language
  readonly #format: Format
  readonly #box: HTMLElement
  readonly #legend: HTMLElement
  #plot: uPlot | undefined
  /** Which lines the plot has; it is made anew for others. */
  #drawn = ''
  /** Which look the pointer is at; otherwise the latest is told. */
  #pointed: number | null = null

  constructor(spec: ChartSpec, points: Points, language: Language) {
    this.#spec = spec
    this.#points = points
    this.#language = language
    this.#format = formatOf(spec.unit, language)
    const title = TEXTS[spec.title][language]
    this.#box = make('div', { class: 'plot', role: 'img', 'aria-label': title })
    this.#legend = make('ul', { class: 'legend', 'aria-label': `${title}: ${TEXTS.latest[language]}` })
    this.element = make(
      'figure',
      { class: 'card' },
      make('figcaption', {}, make('h2', {}, title)),
      this.#box,
      this.#legend,
    )
    new ResizeObserver(() => this.#resize()).observe(this.#box)
  }

  draw(): void {
    const lines = this.#lines()
    this.element.hidden = this.#spec.optional === true && lines.length === 0
    this.#tell(lines)
    const drawn = JSON.stringify(lines.map(({ label }) => label))
    // The lowest is drawn last, in front of what stands on it.
    const values = (this.#spec.stack ? stacked(lines) : lines).map((line) => line.values).reverse()
    const data = [this.#points.times.map((at) => at / 1000), ...values] as uPlot.AlignedData
    if (this.#plot !== undefined && drawn === this.#drawn) {
      this.#plot.setData(data)
    } else {
      this.#drawn = drawn
      this.#plot?.destroy()
      this.#plot = new uPlot(this.#options(lines), data, this.#box)
    }
  }

  destroy(): void {
    this.#plot?.destroy()
  }

  #lines(): Line[] {
    return this.#points.lines(this.#spec.stack ? TEXTS.others[this.#language] : undefined)
  }

  #options(lines: readonly Line[]): uPlot.Options {
    const { log = false, stack } = this.#spec
    const [ink, grid] = [colour('ink-soft'), colour('grid')]
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: FONT }
    const series = lines.map((_, i) => {
      const stroke = colour(`line-${i}`)
      return { stroke, width: 1.75, points: { show: false }, ...(stack && { fill: `${stroke}55` }) }
    })
    return {
      width: this.#width(),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      hooks: { setCursor: [({ cursor }) => this.#point(cursor.idx ?? null)] },
      scales: { y: log ? { distr: 3, log: 10 } : { range: fromZero } },
      series: [{}, ...series.reverse()],
      // A stacked line is filled down to the one below it, which is drawn after it.
      ...(stack && { bands: series.slice(1).map((_, i) => ({ series: [i + 1, i + 2] as [number, number] })) }),
      axes: [
        { ...axis, space: 70, size: 28, values: (_, splits) => splits.map((at) => clock.format(at * 1000)) },
        {
          ...axis,
          size: AXIS,
          values: (_, splits) => splits.map((value) => (value === null ? '' : this.#format(value))),
        },
      ],
    }
  }

  #point(index: number | null): void {
    if (index === this.#pointed) return
    this.#pointed = index
    this.#tell(this.#lines())
  }

  #tell(lines: readonly Line[]): void {
    while (this.#legend.children.length > Math.max(lines.length, 1)) this.#legend.lastChild?.remove()
    if (lines.length === 0) this.#entry(0, TEXTS.nothing[this.#language], '')
    for (const [i, { label, values }] of lines.entries()) {
      this.#entry(i, this.#name(label), this.#format(values.at(this.#pointed ?? -1)))
    }
  }

  #entry(index: number, name: string, value: string): void {
    const entry = this.#legend.children[index] ?? make('li', {}, make('i', {}), make('span'), make('b'))
    if (entry.parentNode === null) this.#legend.append(entry)
    const [mark, label, latest] = entry.children
    mark!.className = value === '' ? 'no' : `mark line-${index}`
    say(label!, name)
    say(latest!, value)
  }

  #name(label: string): string {
    const word: TextName | undefined = this.#spec.words?.[label]
    return word === undefined ? label : TEXTS[word][this.#language]
  }

  #width(): number {
    return Math.max(this.#box.clientWidth, 120)
  }

  #resize(): void {
    if (this.#plot !== undefined && this.#plot.width !== this.#width()) {
      this.#plot.setSize({ width: this.#width(), height: HEIGHT })
    }
  }
}

const FONT = '12px system-ui, sans-serif'
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** An axis that begins at 0, and has room where all is 0. */
function fromZero(_: uPlot, __: number | null, most: number | null): uPlot.Range.MinMax {
  return [0, most === null || most <= 0 ? 1 : most * 1.08]
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
