/** What a dashboard shows, as data: the builders turn it into Grafana's model, tests and the preview read it. */

/** One source, two languages. */
export interface Text {
  readonly en: string
  readonly zh: string
}

export type Language = keyof Text

export interface Query {
  readonly expr: string
  /** In Grafana's form, `{{table}}`. */
  readonly legend: Text | string
  /** Show the exemplars of these series: dots that lead to traces. */
  readonly exemplars?: boolean
}

/** Ids of Grafana's units. */
export type Unit = 's' | 'short' | 'percentunit' | 'rowsps' | 'ops' | 'eps' | 'mps' | 'Bps'

/** A value from which on a colour holds. The first one is the base, its value is ignored. */
export type Steps = readonly (readonly [from: number, colour: 'green' | 'dark-orange' | 'red' | 'text'])[]

export interface PanelSpec {
  /** `stack` is `lines` that add up. */
  readonly kind: 'stat' | 'lines' | 'stack' | 'heatmap' | 'table'
  readonly title: Text
  readonly description: Text
  readonly unit: Unit
  readonly queries: readonly Query[]
  /**
   * Ask for now only: the last point of a range is as old as its step, seven minutes on a dashboard of a day.
   */
  readonly now?: boolean
  /** Columns out of 24. @default 8 */
  readonly width?: number
  /** Colours of a stat; dashed lines on a graph. */
  readonly steps?: Steps
  /** Upper end of the axis. */
  readonly max?: number
  /** `log` for values that are never 0 and spread widely, `symlog` where 0 may be among them. @default linear */
  readonly scale?: 'log' | 'symlog'
  /** What a panel without data says. */
  readonly noValue?: Text
  /** Colours by name of a series, where a colour has a meaning. */
  readonly colours?: Readonly<Record<string, string>>
  /** Columns of a table beside its labels, in the order of the queries. It is sorted by the first one. */
  readonly columns?: readonly { readonly name: Text; readonly unit: Unit; readonly steps?: Steps }[]
}

export interface Section {
  readonly title: Text
  readonly panels: readonly PanelSpec[]
}

export function same(text: string): Text {
  return { en: text, zh: text }
}
