import { createLogUpdate } from 'log-update'

/** What the load looks like at one moment. */
export interface Snapshot {
  readonly rows: number
  readonly queued: number
  readonly inflight: number
  readonly errors: number
}

export interface Progress {
  /** Says what happens now. */
  say(text: string): void
  /** Shows the load until the function it returns is called. */
  watch(rows: number, look: () => Snapshot): () => void
}

const REDRAW_MS = 100
const LINE_MS = 1_000
const BAR_WIDTH = 28

/** On a terminal one line that is redrawn; elsewhere, a plain line every second. `stream` is never stdout. */
export function showProgress(stream: NodeJS.WriteStream): Progress {
  const draw = stream.isTTY ? createLogUpdate(stream) : undefined
  const say = (text: string) => {
    stream.write(`${text}\n`)
  }
  const watch = (rows: number, look: () => Snapshot) => {
    const started = performance.now()
    const line = () => describe(look(), rows, (performance.now() - started) / 1000, draw !== undefined)
    const show = () => (draw === undefined ? say(line()) : draw(line()))
    const timer = setInterval(show, draw === undefined ? LINE_MS : REDRAW_MS)
    return () => {
      clearInterval(timer)
      show()
      draw?.done()
    }
  }
  return { say, watch }
}

function describe({ rows, queued, inflight, errors }: Snapshot, goal: number, seconds: number, bar: boolean): string {
  const share = rows / goal
  const rate = seconds > 0 ? rows / seconds : 0
  return [
    ...(bar ? ['█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░')] : []),
    `${Math.floor(share * 100)} %`.padStart(5),
    `${thousands(rows)} flights`,
    `${thousands(rate)}/s`,
    `queue ${thousands(queued)}`,
    `in flight ${inflight}`,
    `errors ${errors}`,
  ].join('  ')
}

/** `1234567.8` → `1,234,568` */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
