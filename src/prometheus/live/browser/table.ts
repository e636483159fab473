import { make } from './dom.ts'

export interface Column {
  readonly title: string
  readonly numeric?: boolean
}

export type Cell = string | Node

/** A card with a table; without rows it says so. */
export class Table {
  readonly element: HTMLElement
  readonly #columns: readonly Column[]
  readonly #nothing: string
  readonly #body = make('tbody')
  #shown = ''

  constructor(title: string, columns: readonly Column[], nothing: string, hint?: string) {
    this.#columns = columns
    this.#nothing = nothing
    const head = columns.map((column) => make('th', { scope: 'col', ...classOf(column) }, column.title))
    const table = make('table', {}, make('thead', {}, make('tr', {}, ...head)), this.#body)
    // What is wider than a phone is scrolled, by keys too.
    const frame = make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': title }, table)
    const hints = hint === undefined ? [] : [make('p', { class: 'hint' }, hint)]
    this.element = make('section', { class: 'card' }, make('h2', {}, title), ...hints, frame)
  }

  /** @param key what the rows are told apart by: while it is the same nothing is drawn, and the focus stays */
  show(key: string, rows: readonly (readonly Cell[])[]): void {
    if (key === this.#shown) return
    this.#shown = key
    this.#body.replaceChildren(...(rows.length === 0 ? [this.#empty()] : rows.map((cells) => this.#row(cells))))
  }

  #row(cells: readonly Cell[]): HTMLElement {
    return make('tr', {}, ...cells.map((cell, i) => make('td', classOf(this.#columns[i]), cell)))
  }

  #empty(): HTMLElement {
    return make('tr', {}, make('td', { colspan: String(this.#columns.length), class: 'hint' }, this.#nothing))
  }
}

function classOf(column: Column | undefined): Record<string, string> {
  return column?.numeric === true ? { class: 'numeric' } : {}
}
