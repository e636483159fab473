import { clearScreenDown, cursorTo, moveCursor } from 'node:readline'
import { CliError, EXIT, type ExitCode, messageOf } from './errors.ts'
import { quantile, type Sample, samplesOf } from './metrics-page.ts'
import { thousands } from './output.ts'
import { orStopped } from './stop-signal.ts'

export interface TailOptions {
  /** Seconds between two looks. */
  readonly interval: number
  /** So many looks; without it, until Ctrl-C. */
  readonly count?: number | undefined
}

interface Look {
  readonly at: number
  readonly samples: readonly Sample[]
}

/** Follows the metrics page of a flow: rows a second, rows waiting, how long batches take, errors by reason. */
export async function tail(page: string, { interval, count }: TailOptions, stop: AbortSignal): Promise<ExitCode> {
  const url = page.includes('://') ? page : `http://${page}`
  const screen = new Screen(process.stdout)
  let before = await look(url)
  for (let i = 0; count === undefined || i < count; i++) {
    if ((await orStopped(new Promise((resolve) => setTimeout(resolve, interval * 1000)), stop)) === 'stopped')
      return EXIT.interrupted
    const now = await look(url)
    screen.show(linesOf(before, now))
    before = now
  }
  return EXIT.ok
}

async function look(url: string): Promise<Look> {
  let text: string
  try {
    const response = await fetch(url, { headers: { accept: 'text/plain' }, signal: AbortSignal.timeout(10_000) })
    if (!response.ok) throw new Error(`it answers ${response.status}`)
    text = await response.text()
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new CliError(`${url} cannot be read: ${messageOf(cause)}`)
  }
  const samples = samplesOf(text, 'batchflow_')
  if (samples.length > 0) return { at: performance.now(), samples }
  throw new CliError(`${url} has no metric that begins with batchflow_; is it the page of startPrometheus?`)
}

/** One line a table, and one for each reason that something failed for meanwhile. */
function linesOf(before: Look, { at, samples }: Look): string[] {
  const seconds = (at - before.at) / 1000
  const tables = [...new Set(samples.flatMap(({ labels }) => labels['table'] ?? []))].sort()
  return tables.flatMap((table) => {
    const now = new Table(samples, table)
    const then = new Table(before.samples, table)
    const grown = (name: string, labels: Labels = {}) => now.sum(name, labels) - then.sum(name, labels)
    const p95 = quantile(0.95, now.bucketsSince(then))
    const failed = grown('batchflow_records_total', { status: 'fail' })
    const line = [
      table.padEnd(20),
      `${thousands(grown('batchflow_records_total', { status: 'success' }) / seconds)} rows/s`,
      `queue ${thousands(now.sum('batchflow_pipeline_queue_length'))}`,
      `p95 ${p95 === undefined ? '–' : `${(p95 * 1000).toFixed(1)} ms`}`,
      `failed ${thousands(failed)}`,
    ].join('  ')
    return [line, ...now.errorsSince(then).map(([type, errors]) => `  ${type}: ${thousands(errors)}`)]
  })
}

type Labels = Readonly<Record<string, string>>

class Table {
  readonly #samples: readonly Sample[]

  constructor(samples: readonly Sample[], table: string) {
    this.#samples = samples.filter(({ labels }) => labels['table'] === table)
  }

  sum(name: string, labels: Labels = {}): number {
    let sum = 0
    for (const sample of this.#of(name)) {
      if (Object.entries(labels).every(([label, value]) => sample.labels[label] === value)) sum += sample.value
    }
    return sum
  }

  bucketsSince(before: Table): ReadonlyMap<number, number> {
    const buckets = new Map<number, number>()
    for (const [table, sign] of [
      [this, 1],
      [before, -1],
    ] as const) {
      for (const { labels, value } of table.#of('batchflow_execute_duration_seconds_bucket')) {
        const bound = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le'])
        buckets.set(bound, (buckets.get(bound) ?? 0) + sign * value)
      }
    }
    return buckets
  }

  errorsSince(before: Table): [type: string, errors: number][] {
    const types = new Set(this.#of('batchflow_errors_total').flatMap(({ labels }) => labels['type'] ?? []))
    return [...types].flatMap((type): [string, number][] => {
      const grown = this.sum('batchflow_errors_total', { type }) - before.sum('batchflow_errors_total', { type })
      return grown > 0 ? [[type, grown]] : []
    })
  }

  #of(name: string): readonly Sample[] {
    return this.#samples.filter((sample) => sample.name === name)
  }
}

/** On a terminal each look takes the place of the one before it; in a pipe they follow each other. */
class Screen {
  readonly #stream: NodeJS.WriteStream
  #lines = 0

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  show(lines: readonly string[]): void {
    if (this.#stream.isTTY && this.#lines > 0) {
      moveCursor(this.#stream, 0, -this.#lines)
      cursorTo(this.#stream, 0)
      clearScreenDown(this.#stream)
    }
    this.#lines = lines.length
    this.#stream.write(`${lines.join('\n')}\n`)
  }
}
