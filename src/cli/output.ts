import { clearLine, cursorTo } from 'node:readline'

/** What a load looks like at one moment. */
export interface Snapshot {
  readonly rows: number
  readonly failed: number
  /** 0 to 1; `undefined`: nobody knows how much there is. */
  readonly share: number | undefined
  /** What it waits for. */
  readonly waiting: string | undefined
}

const REDRAW_MS = 100
const LINE_MS = 5_000
const BAR_WIDTH = 24
/** Rows a second over about so long. */
const WINDOW_MS = 3_000

/**
 * What a command says beside its result, all of it to stderr: on a terminal with one line that is redrawn, in a pipe plain
 * lines.
 */
export class Output {
  readonly #stream: NodeJS.WriteStream
  readonly #isQuiet: boolean
  #line = ''

  constructor(stream: NodeJS.WriteStream, isQuiet = false) {
    this.#stream = stream
    this.#isQuiet = isQuiet
  }

  say(text: string): void {
    if (!this.#isQuiet) this.#print(text)
  }

  /** Said also to those who want to hear nothing else. */
  complain(text: string): void {
    this.#print(text)
  }

  #print(text: string): void {
    this.#erase()
    this.#stream.write(`${text}\n`)
    if (this.#line !== '') this.#stream.write(this.#line)
  }

  /** Shows how it goes until the function it returns is called. */
  watch(look: () => Snapshot): () => void {
    if (this.#isQuiet) return () => {}
    const describe = describer()
    const { isTTY, columns = 80 } = this.#stream
    const show = () => {
      if (!isTTY) return this.say(describe(look(), false))
      this.#erase()
      this.#line = describe(look(), true).slice(0, columns - 1)
      this.#stream.write(this.#line)
    }
    const timer = setInterval(show, isTTY ? REDRAW_MS : LINE_MS)
    return () => {
      clearInterval(timer)
      this.#erase()
      this.#line = ''
    }
  }

  #erase(): void {
    if (this.#line === '') return
    clearLine(this.#stream, 0)
    cursorTo(this.#stream, 0)
  }
}

function describer(): (snapshot: Snapshot, bar: boolean) => string {
  const points: { readonly at: number; readonly rows: number; readonly share: number }[] = []
  return ({ rows, failed, share, waiting }, bar) => {
    const at = performance.now()
    points.push({ at, rows, share: share ?? 0 })
    while (points.length > 2 && at - points[1]!.at > WINDOW_MS) points.shift()
    const first = points[0]!
    const seconds = (at - first.at) / 1000
    const rate = seconds > 0 ? (rows - first.rows) / seconds : 0
    const speed = seconds > 0 ? ((share ?? 0) - first.share) / seconds : 0
    const left = share !== undefined && speed > 0 ? [`${duration((1 - share) / speed)} left`] : []
    return [
      ...(share !== undefined && bar ? ['█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░')] : []),
      ...(share !== undefined ? [`${Math.floor(share * 100)} %`] : []),
      `${thousands(rows)} rows`,
      `${thousands(rate)}/s`,
      ...left,
      ...(failed > 0 ? [`${thousands(failed)} failed`] : []),
      ...(waiting !== undefined ? [`waiting for the database (${waiting})`] : []),
    ].join('  ')
  }
}

/** `1234567.8` → `1,234,568` */
export function thousands(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `75` → `1:15` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  const tail = `${minutes}:${String(rest).padStart(2, '0')}`
  return hours === 0 ? tail : `${hours}:${tail.padStart(5, '0')}`
}
