import { type NotableBatches, type SeenBatch, traceAddress } from '../model/batches.ts'
import type { ChartSpec } from '../model/charts.ts'
import { clockOf, formatOf, type Unit } from '../model/format.ts'
import type { History } from '../model/history.ts'
import type { Points } from '../model/points.ts'
import { failuresOf, outagesOf, stagesOf } from '../model/tables.ts'
import { type HEALTH, type Language, TEXTS, type TextName } from '../model/texts.ts'
import { healthOf, LEVELS, type Vitals, vitalsOf } from '../model/vitals.ts'
import { Chart } from './chart.ts'
import { make, say } from './dom.ts'
import { type Cell, Table } from './table.ts'

const TILES = [
  ['standing', 'count'],
  ['oldest', 'seconds'],
  ['paused', 'count'],
  ['succeeded', 'share'],
  ['committed', 'perSecond'],
  ['failed', 'count'],
  ['p99', 'seconds'],
  ['retried', 'share'],
] as const satisfies readonly (readonly [keyof Vitals & keyof typeof LEVELS & TextName, Unit])[]

/** What stands in front of a value besides its colour. */
const SIGNS = { plain: '', good: '', warn: '▲\u00a0', bad: '■\u00a0' } as const

/** All that is below the head, in one language. */
export class View {
  readonly elements: readonly HTMLElement[]
  readonly #language: Language
  readonly #traceUrl: string | undefined
  readonly #tiles: ReadonlyMap<string, HTMLElement>
  readonly #charts: readonly Chart[]
  readonly #stages: Table
  readonly #failures: Table
  readonly #outages: Table
  readonly #batches: Table

  constructor(language: Language, charts: ReadonlyMap<ChartSpec, Points>, traceUrl: string | undefined) {
    this.#language = language
    this.#traceUrl = traceUrl
    this.#tiles = new Map(TILES.map(([name]) => [name, make('dd')]))
    this.#charts = Array.from(charts, ([spec, points]) => new Chart(spec, points, language))
    const numeric = (title: string) => ({ title, numeric: true })
    const [table, reason, database, count, took] = this.#words('table', 'reason', 'database', 'count', 'took')
    this.#stages = this.#table('stages', [{ title: TEXTS.stage[language] }, numeric('p50'), numeric('p95')])
    this.#failures = this.#table('reasons', [{ title: reason }, { title: table }, numeric(count)])
    this.#outages = this.#table('outages', [{ title: database }, { title: reason }, numeric(count)])
    const [time, outcome, trace] = this.#words('time', 'outcome', 'trace')
    const columns = [{ title: time }, { title: table }, { title: outcome }, numeric(took), { title: trace }]
    this.#batches = this.#table('batches', columns, TEXTS.batchesHint[language])
    const tiles = Array.from(this.#tiles, ([name, value]) =>
      make('div', { class: 'card' }, make('dt', {}, TEXTS[name as TextName][language]), value),
    )
    this.elements = [
      make('dl', { class: 'tiles', 'aria-label': TEXTS.vitals[language] }, ...tiles),
      make('div', { class: 'grid' }, ...this.#charts.map(({ element }) => element), this.#stages.element),
      make('div', { class: 'grid' }, this.#failures.element, this.#outages.element),
      this.#batches.element,
    ]
  }

  /** Draws what was seen last; returns how things are. */
  update(history: History, batches: NotableBatches): keyof typeof HEALTH {
    const vitals = vitalsOf(history)
    for (const [name, unit] of TILES) this.#tile(name, unit, vitals[name])
    for (const chart of this.#charts) chart.draw()
    const seconds = formatOf('seconds', this.#language)
    const stages = stagesOf(history).map(({ name, p50, p95 }) => [...this.#words(name), seconds(p50), seconds(p95)])
    this.#stages.show(JSON.stringify(stages), stages)
    const count = formatOf('count', this.#language)
    const failures = failuresOf(history).map(({ labels, value }) => [labels['type']!, labels['table']!, count(value)])
    this.#failures.show(JSON.stringify(failures), failures)
    const outages = outagesOf(history).map(({ labels, value }) => [...Object.values(labels), count(value)])
    this.#outages.show(JSON.stringify(outages), outages)
    const notable = batches.list(history.at)
    this.#batches.show(
      JSON.stringify(notable),
      notable.map((batch) => this.#batch(batch)),
    )
    return healthOf(vitals)
  }

  destroy(): void {
    for (const chart of this.#charts) chart.destroy()
  }

  #table(title: TextName, columns: ConstructorParameters<typeof Table>[1], hint?: string): Table {
    return new Table(TEXTS[title][this.#language], columns, TEXTS.nothing[this.#language], hint)
  }

  #tile(name: (typeof TILES)[number][0], unit: Unit, value: number | undefined): void {
    const tile = this.#tiles.get(name)!
    const level = value === undefined ? 'plain' : LEVELS[name](value)
    tile.className = level
    say(
      tile,
      value === undefined ? TEXTS.unknown[this.#language] : SIGNS[level] + formatOf(unit, this.#language)(value),
    )
  }

  #batch(batch: SeenBatch): Cell[] {
    const outcome =
      batch.reason === undefined ? make('span', {}, TEXTS.success[this.#language]) : this.#bad(batch.reason)
    const took = formatOf('seconds', this.#language)(batch.seconds)
    return [clockOf(this.#language)(batch.at), batch.table, outcome, took, this.#trace(batch)]
  }

  #bad(reason: string): HTMLElement {
    return make('span', { class: 'bad' }, `${SIGNS.bad}${reason}`)
  }

  #trace(batch: SeenBatch): Cell {
    const short = make('code', {}, batch.traceId.slice(0, 8))
    if (this.#traceUrl === undefined) return short
    const href = traceAddress(this.#traceUrl, batch)
    const label = `${TEXTS.trace[this.#language]} ${batch.traceId.slice(0, 8)}`
    return make('a', { href, target: '_blank', rel: 'noopener noreferrer', 'aria-label': label }, short)
  }

  #words<const N extends readonly TextName[]>(...names: N): { [K in keyof N]: string } {
    return names.map((name) => TEXTS[name][this.#language]) as { [K in keyof N]: string }
  }
}
