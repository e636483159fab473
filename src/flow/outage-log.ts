import { diag } from '@opentelemetry/api'
import type { Outage } from '../contract/metrics-reporter.ts'
import type { Executor } from '../executor/executor.ts'
import type { EndedOutage, Gate, OutageObserver } from '../executor/outage.ts'
import { logError } from '../support/guard.ts'
import type { BatchLog } from './batch-log.ts'
import type { OutageLogLine } from './log-line.ts'

/** Tells, for one flow, when the database takes no batch and when it takes batches again. */
export class OutageLog implements OutageObserver {
  readonly #database: string
  readonly #log: BatchLog | undefined
  readonly #waiting: () => number
  readonly #unwatch: () => void

  /** @param log without one, `diag` is told. @param waiting rows of the flow that are accepted and not settled */
  constructor({ driver, gate }: Executor, log: BatchLog | undefined, waiting: () => number) {
    this.#database = driver.name
    this.#log = log
    this.#waiting = waiting
    this.#unwatch = watchWeakly(gate, this)
    if (gate.outage !== undefined) this.began(gate.outage)
  }

  began(outage: Outage): void {
    const { reason, code, message } = outage
    const why = code === undefined ? reason : `${reason}, ${code}`
    const text = `${this.#database} takes no batch (${why})`
    this.#tell('warn', this.#lineOf('began', outage), text, message && `${text}: ${message}`)
  }

  ended(outage: EndedOutage): void {
    const { duration, looks } = outage
    const durationMs = Math.round(duration * 1000) / 1000
    const text = `${this.#database} takes batches again after ${durationMs / 1000} s`
    this.#tell('info', { ...this.#lineOf('ended', outage), durationMs, looks }, text)
  }

  close(): void {
    this.#unwatch()
  }

  #lineOf(change: 'began' | 'ended', { reason, code, message }: Outage): OutageLogLine {
    return {
      database: this.#database,
      outage: change,
      reason,
      ...(code !== undefined && { code }),
      ...(message !== '' && { detail: message }),
      waiting: this.#waiting(),
    }
  }

  /** @param whole all that `line` says, for where that is not written */
  #tell(level: 'info' | 'warn', line: OutageLogLine, text: string, whole = ''): void {
    const rows = `rows waiting: ${line.waiting}`
    if (this.#log === undefined) tellDiag(level, `batchflow-otel: ${whole || text}; ${rows}`)
    else this.#log.write(level, line, `${text}; ${rows}`)
  }
}

function tellDiag(level: 'info' | 'warn', message: string): void {
  try {
    diag[level](message)
  } catch (error) {
    logError('the logger threw', error)
  }
}

/** The gate, which lives as long as its executor, must not hold a flow that nobody closed. */
export function watchWeakly(gate: Gate, observer: OutageObserver): () => void {
  const reference = new WeakRef(observer)
  const tell = (act: (observer: OutageObserver) => void) => {
    const observer = reference.deref()
    if (observer === undefined) unwatch()
    else act(observer)
  }
  const unwatch = gate.watch({
    began: (outage) => tell((observer) => observer.began(outage)),
    ended: (outage) => tell((observer) => observer.ended(outage)),
  })
  return unwatch
}
