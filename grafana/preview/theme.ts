/** Grafana's colours, as its two themes have them. */

export interface Theme {
  readonly page: string
  readonly panel: string
  readonly border: string
  readonly text: string
  readonly dim: string
  /** Of a heatmap, from nothing to most. */
  readonly heat: readonly string[]
  /** Names of colours that a dashboard may use. */
  readonly named: Readonly<Record<string, string>>
}

export const THEMES = {
  dark: {
    page: '#111217',
    panel: '#181b1f',
    border: '#2c3235',
    text: '#ccccdc',
    dim: '#8e8e99',
    heat: ['#181b1f', '#1f60c4', '#c0d8ff'],
    named: { green: '#73bf69', 'dark-orange': '#fa6400', red: '#f2495c', text: '#ccccdc' },
  },
  light: {
    page: '#f4f5f5',
    panel: '#ffffff',
    border: '#dddee0',
    text: '#24292e',
    dim: '#6b7075',
    heat: ['#ffffff', '#8ab8ff', '#1f60c4'],
    named: { green: '#56a64b', 'dark-orange': '#fa6400', red: '#e02f44', text: '#24292e' },
  },
} as const satisfies Record<string, Theme>

/** Of series without a colour of their own. */
export const PALETTE = [
  '#73bf69',
  '#f2cc0c',
  '#8ab8ff',
  '#ff780a',
  '#f2495c',
  '#5794f2',
  '#b877d9',
  '#705da0',
  '#37872d',
  '#fade2a',
] as const
