/** One line of a chart. Where there is no value there is a hole. */
export interface Line {
  readonly label: string
  readonly values: readonly (number | null)[]
}

/** Ten minutes at two seconds. */
const KEPT = 300
/** Lines that can be told apart. */
const SHOWN = 8

/** What a chart shows: a value of each of its lines at each look. */
export class Points {
  readonly #interval: number
  #times: number[] = []
  readonly #lines = new Map<string, (number | null)[]>()

  /** @param interval milliseconds between looks; after three of them without any there is a hole */
  constructor(interval: number) {
    this.#interval = interval
  }

  /** Milliseconds since the epoch. */
  get times(): readonly number[] {
    return this.#times
  }

  add(at: number, values: ReadonlyMap<string, number | undefined>): void {
    const last = this.#times.at(-1)
    if (last !== undefined && at - last > 3 * this.#interval) this.#push(last + this.#interval, new Map())
    this.#push(at, values)
  }

  /** The largest ones in the order of their names; the rest together as `others`, where they may be summed. */
  lines(others: string | undefined): Line[] {
    const all = Array.from(this.#lines, ([label, values]): Line => ({ label, values }))
    if (all.length <= SHOWN) return all.sort(byLabel)
    const most = new Map(all.map((line) => [line, Math.max(...line.values.map(Number))]))
    const ranked = all.sort((a, b) => most.get(b)! - most.get(a)!)
    const shown = ranked.slice(0, SHOWN - 1).sort(byLabel)
    if (others === undefined) return shown
    const rest = ranked.slice(SHOWN - 1)
    return [...shown, { label: others, values: this.#times.map((_, i) => sum(rest.map(({ values }) => values[i]!))) }]
  }

  #push(at: number, values: ReadonlyMap<string, number | undefined>): void {
    for (const label of values.keys()) {
      if (!this.#lines.has(label))
        this.#lines.set(
          label,
          this.#times.map(() => null),
        )
    }
    this.#times = [...this.#times, at].slice(-KEPT)
    for (const [label, line] of this.#lines) {
      line.push(values.get(label) ?? null)
      if (line.length > KEPT) line.shift()
      if (line.every((value) => value === null)) this.#lines.delete(label)
    }
  }
}

/** Each line on top of those before it. */
export function stacked(lines: readonly Line[]): Line[] {
  const below: number[] = []
  return lines.map(({ label, values }) => ({
    label,
    values: values.map((value, i) => {
      below[i] = (below[i] ?? 0) + (value ?? 0)
      return value === null ? null : below[i]!
    }),
  }))
}

function byLabel(a: Line, b: Line): number {
  return a.label < b.label ? -1 : 1
}

function sum(values: readonly (number | null)[]): number | null {
  const there = values.filter((value) => value !== null)
  return there.length === 0 ? null : there.reduce((all, value) => all + value, 0)
}
