type Compare = (a: string, b: string) => number

/** `<position of the message before>#<rows>#<position>`: the first so many rows of the message are committed. */
const PARTIAL = /^([^#]*)#(\d+)#([^#]+)$/

/**
 * How far one table has come in one partition: a whole message, or some of its rows. As text it is the position of the last
 * message that is done, or `<before>#<n>#<position>` when of the message at `position` only the first n rows of this table are.
 * `before`, the message in front of it, is where reading has to begin again. A `#` of a position itself is written as `%23`, and
 * a `%` as `%25`.
 */
export class TablePosition {
  readonly text: string
  /** Reading begins behind it. */
  readonly start: string
  /** The position of the last message of which it has something. */
  readonly #position: string
  readonly #isPartial: boolean
  readonly #rows: number
  readonly #compare: Compare

  constructor(text: string, compare: Compare) {
    const partial = PARTIAL.exec(text)
    this.text = text
    this.start = decoded(partial?.[1] ?? text)
    this.#position = decoded(partial?.[3] ?? text)
    this.#isPartial = partial !== null
    this.#rows = Number(partial?.[2] ?? 0)
    this.#compare = compare
  }

  /** The text for: all up to the message at `position` is done. */
  static whole(position: string): string {
    return position.replaceAll('%', '%25').replaceAll('#', '%23')
  }

  /** The text for: of the message at `position`, which follows `before`, so many rows of the table are done. */
  static partial(before: string, rows: number, position: string): string {
    return `${TablePosition.whole(before)}#${rows}#${TablePosition.whole(position)}`
  }

  /** Whether the row at `index` among those of this table in the message at `position` is done. */
  has(position: string, index: number): boolean {
    const order = this.#compare(position, this.#position)
    return order < 0 || (order === 0 && (!this.#isPartial || index < this.#rows))
  }

  /** It has all that `other` has. */
  covers(other: TablePosition): boolean {
    if (other.text === '') return true
    return this.has(other.#position, other.#isPartial ? other.#rows - 1 : Number.POSITIVE_INFINITY)
  }
}

function decoded(text: string): string {
  return text.replaceAll('%23', '#').replaceAll('%25', '%')
}
