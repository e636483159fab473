import { resolve } from 'node:path'
import type { Executor } from 'batchflow-otel'
import { CompanionError } from 'batchflow-otel'
import {
  consume,
  type DecodedRow,
  type Message,
  type Remembering,
  type Trouble,
  type Worker,
} from 'batchflow-otel/consume'
import type { Database } from './databases/database.ts'
import { openDatabase } from './databases/open.ts'
import { dryRun } from './dry-run.ts'
import { CliError, EXIT, type ExitCode, messageOf, usage } from './errors.ts'
import { FileLog } from './file-log.ts'
import { type Input, type Place, placeOf } from './input/entry.ts'
import { OtherFileError } from './input/file-print.ts'
import { type InputOptions, openInput } from './input/open.ts'
import { sampleOf } from './input/sample.ts'
import { type Output, thousands } from './output.ts'
import { type Plan, type PlanOptions, planOf } from './plan.ts'
import type { Portion } from './portions.ts'
import { Refusals } from './refusals.ts'
import { orStopped } from './stop-signal.ts'
import { startTelemetry, type TelemetryOptions } from './telemetry.ts'

export interface LoadOptions extends PlanOptions, InputOptions, TelemetryOptions {
  readonly to: string
  readonly sample: number
  /** Rows of one batch. @default 5000; where one is under way at a time, 10000 */
  readonly batch?: number | undefined
  readonly concurrency: number
  readonly rate?: number | undefined
  readonly deadLetter?: string | undefined
  /** Under this name; `true`: under the path of the file. */
  readonly resume?: string | true | undefined
  readonly dryRun: boolean
  readonly json: boolean
}

/** Loads a file, or standard input, into a table. */
export async function load(path: string, options: LoadOptions, output: Output, stop: AbortSignal): Promise<ExitCode> {
  if (path === '-' && options.resume === true)
    throw usage('standard input has no name to go on under: --resume-as <name>')
  const input = await openInput(path, options)
  const database = await openDatabase({
    url: options.to,
    connections: options.concurrency,
    missing: options.create ? (options.dryRun ? 'imagine' : 'make') : undefined,
  })
  try {
    const sample = await sampleOf(input, options.sample)
    const plan = await planOf(input, sample, database, options)
    if (options.dryRun) return await dryRun({ plan, database, sample, input, output })
    const name = options.resume === undefined || options.resume === true ? resolve(path) : options.resume
    return await new Load(
      input,
      database,
      await made(plan, input, sample, database, options),
      name,
      options,
      output,
    ).run(stop)
  } finally {
    await database.close()
  }
}

/** The table as it is once it is made: its types say how values go there. */
async function made(
  plan: Plan,
  input: Input,
  sample: Parameters<typeof planOf>[1],
  database: Database,
  options: LoadOptions,
): Promise<Plan> {
  if (plan.create === undefined) return plan
  await database.run(plan.create)
  return planOf(input, sample, database, { ...options, create: false, types: new Map() })
}

class Load {
  readonly #input: Input
  readonly #database: Database
  readonly #plan: Plan
  readonly #options: LoadOptions
  readonly #output: Output
  readonly #log: FileLog
  readonly #refusals: Refusals
  readonly #trouble: Promise<never>
  /** The database keeps the position with the rows, one batch at a time; a bookmark is moved after them. */
  readonly #isSerial: boolean
  readonly #started = performance.now()
  #giveUp!: (error: CliError) => void

  constructor(input: Input, database: Database, plan: Plan, name: string, options: LoadOptions, output: Output) {
    this.#input = input
    this.#database = database
    this.#plan = plan
    this.#options = options
    this.#output = output
    const bookmark = options.resume === undefined ? undefined : database.bookmark?.(name)
    this.#isSerial = options.resume !== undefined && bookmark === undefined
    const most = Math.max(LEAST_ROWS, ((this.#isSerial ? 1 : options.concurrency) + 1) * this.#batch)
    this.#log = new FileLog(input, plan.rowOf, {
      name,
      bookmark,
      most,
      rate: options.rate,
      isRemembered: options.resume !== undefined,
      onBegin: (place) => this.#tellPlace(place),
    })
    this.#refusals = new Refusals(input.name, plan, output, options.deadLetter)
    this.#trouble = new Promise((_, reject) => (this.#giveUp = reject))
    this.#trouble.catch(() => {}) // whoever waits for it hears of it
  }

  get #batch(): number {
    return this.#options.batch ?? (this.#isSerial ? 10_000 : 5_000)
  }

  async run(stop: AbortSignal): Promise<ExitCode> {
    const telemetry = await startTelemetry(this.#options)
    if (telemetry?.url !== undefined) this.#output.say(`metrics: ${telemetry.url}`)
    const plain = this.#database.executor.withConcurrencyLimit(this.#options.concurrency)
    const executor = telemetry === undefined ? plain : plain.withMetricsReporter(telemetry.reporter)
    try {
      const worker = await this.#start(executor)
      return await this.#finish(worker, stop)
    } finally {
      await this.#refusals.close()
      await telemetry?.stop()
    }
  }

  #start(executor: Executor): Promise<Worker> {
    const { table } = this.#plan
    const flushSize = this.#batch
    const remembering: Remembering = this.#isSerial ? { position: 'database' } : { acks: 'broker' }
    return consume(this.#log, executor, {
      ...remembering,
      tables: [table],
      decode: (message: Message) => rowsOf(message as Portion, table.name),
      deadLetter: (_, message, why) => this.#refusals.add(message as Portion, why),
      flushSize,
      bufferSize: Math.max(LEAST_ROWS, 4 * flushSize),
      lagInterval: 0,
      staleUpserts: 'allow', // the file is read in order, and only once
      onTrouble: (trouble) => this.#hear(trouble),
    })
  }

  /** What the executor has waited for in vain, or what waiting does not mend, ends the load. */
  #hear({ kind, error }: Trouble): void {
    if (error === undefined) return
    const isOver = kind === 'place' || kind === 'dead-letter' || error instanceof CompanionError
    if (isOver) this.#giveUp(new CliError(messageOf(error), EXIT.stopped, { cause: error }))
    else this.#output.complain(`waiting, and trying again: ${messageOf(error)}`)
  }

  async #finish(worker: Worker, stop: AbortSignal): Promise<ExitCode> {
    const log = this.#log
    const stopWatching = this.#output.watch(() => this.#look(worker))
    let failure: unknown
    const end = await orStopped(Promise.race([log.done, this.#trouble]), stop).catch((error: unknown) => {
      failure = error
    })
    stopWatching()
    await worker.close(failure === undefined ? {} : { timeout: GIVE_UP_MS })
    return this.#conclude(worker, end === 'stopped', failure)
  }

  #tellPlace({ record, line }: Place): void {
    if (record > 0) this.#output.say(`going on behind line ${line}: ${thousands(record)} records are done`)
  }

  #look(worker: Worker) {
    const { outage } = worker.stats()
    return {
      rows: this.#rows(worker),
      failed: this.#refusals.count,
      share: this.#input.size === undefined ? undefined : placeOf(this.#log.settled).offset / this.#input.size,
      waiting: outage?.reason,
    }
  }

  #rows(worker: Worker): number {
    return worker.stats().committed
  }

  #conclude(worker: Worker, interrupted: boolean, failure: unknown): ExitCode {
    const { count: failed } = this.#refusals
    const [rows, seconds] = [this.#rows(worker), (performance.now() - this.#started) / 1000]
    const { line } = placeOf(this.#log.settled)
    const summary = {
      table: this.#plan.table.name,
      rows,
      failed,
      line,
      interrupted,
      seconds: Math.round(seconds * 1000) / 1000,
    }
    const speed = `${thousands(rows)} rows in ${seconds.toFixed(1)} s (${thousands(rows / seconds)}/s)`
    const text = `${speed} into ${summary.table} of ${this.#database.label}, ${thousands(failed)} failed`
    console.log(this.#options.json ? JSON.stringify(summary) : text)
    const isOther = failure instanceof OtherFileError // then nothing of this file is settled, nor would the same command go on
    if ((interrupted || failure !== undefined) && !isOther) this.#output.complain(this.#stoppedAt(line))
    if (failure !== undefined) throw failure
    if (interrupted) return EXIT.interrupted
    return failed > 0 ? EXIT.rows : EXIT.ok
  }

  #stoppedAt(line: number): string {
    const where = `stopped: all of ${this.#input.name} up to line ${line} is settled`
    return this.#options.resume === undefined
      ? `${where}; without --resume nobody remembers that`
      : `${where}; the same command goes on from there`
  }
}

/** The reasons are told by {@link Refusals}. @throws where the record could not be read */
function rowsOf({ rows, error }: Portion, table: string): DecodedRow[] {
  if (error !== undefined) throw error
  return rows.map((row) => ({ table, row }))
}

/** So many are read ahead, whatever the size of a batch. */
const LEAST_ROWS = 10_000

/** What cannot be written is not waited for. */
const GIVE_UP_MS = 5_000
