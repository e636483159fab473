type Compare = (a: string, b: string) => number

/** `<position of the message before>#<rows>#<position>`: the first so many rows of the message are committed. */
const PARTIAL = /^([^#]*)#(\d+)#([^#]+)$/

/**
 * How far one table has come in one partition: a whole message, or some of its rows. As text it is the position of the last
 * message that is done, or `<before>#<n>#<position>` when of the message at `position` only the first n rows of this table are.
 * `before`, the message in front of it, is where reading has to begin again.
 */
export class TablePosition {
  readonly text: string
  /** Reading begins behind it. */
  readonly start: string
  readonly #partial: string | undefined
  readonly #rows: number
  readonly #compare: Compare

  constructor(text: string, compare: Compare) {
    const partial = PARTIAL.exec(text)
    this.text = text
    this.start = partial === null ? text : partial[1]!
    this.#partial = partial?.[3]
    this.#rows = Number(partial?.[2] ?? 0)
    this.#compare = compare
  }

  /** The text for: of the message at `position`, which follows `before`, so many rows of the table are done. */
  static partial(before: string, rows: number, position: string): string {
    return `${before}#${rows}#${position}`
  }

  /** Whether the row at `index` among those of this table in the message at `position` is done. */
  has(position: string, index: number): boolean {
    if (this.#partial === undefined) return this.#compare(position, this.text) <= 0
    const order = this.#compare(position, this.#partial)
    return order < 0 || (order === 0 && index < this.#rows)
  }

  /** It has all that `other` has. */
  covers(other: TablePosition): boolean {
    if (other.text === '') return true
    if (other.#partial === undefined) return this.has(other.text, Number.POSITIVE_INFINITY)
    return this.has(other.#partial, other.#rows - 1)
  }
}
