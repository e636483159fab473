import type { Message, PartitionLag, Source, SourceHost, SourceMode } from 'batchflow-otel/consume'
import type { Bookmark } from './databases/database.ts'
import { CliError } from './errors.ts'
import { comparePositions, type Input, placeOf } from './input/entry.ts'

const PARTITION = '0'
/** Records handed over at once. */
const PORTION = 1000

export interface FileLogOptions {
  /** What the position of the file is kept under. */
  readonly name: string
  /** Where that is, for a database that does not keep it with the rows. */
  readonly bookmark?: Bookmark | undefined
  /** Records a second at most. */
  readonly rate?: number | undefined
}

/** A file as a log of one partition, which ends. So what holds for logs holds for it: order, backpressure, positions. */
export class FileLog implements Source {
  readonly name = 'file'
  readonly system = 'file'
  readonly ordered = true
  readonly compare = comparePositions
  readonly destination: string
  /** Resolves when all of the file is settled; rejects when it cannot be read. */
  readonly done: Promise<void>
  /** Behind it reading began. */
  begun = ''
  /** All up to here is settled. */
  settled = ''
  /** Up to here it was read. */
  delivered = ''
  readonly #input: Input
  readonly #options: FileLogOptions
  readonly #abort = new AbortController()
  #host: SourceHost | undefined
  #isRead = false
  #finish!: () => void
  #fail!: (error: unknown) => void

  constructor(input: Input, options: FileLogOptions) {
    this.#input = input
    this.#options = options
    this.destination = options.name
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve
      this.#fail = reject
    })
    this.done.catch(() => {}) // whoever waits for it hears of it
  }

  async start(host: SourceHost, _: SourceMode): Promise<void> {
    this.#host = host
    const known = await host.assigned(PARTITION)
    const position = known ?? (await this.#options.bookmark?.read()) ?? ''
    this.begun = this.settled = this.delivered = position
    void this.#read(host).then(
      () => this.#ended(),
      (error) => this.#fail(error),
    )
  }

  async #read(host: SourceHost): Promise<void> {
    const { signal } = this.#abort
    const pace = new Pace(this.#options.rate)
    for await (const entries of this.#input.read(placeOf(this.begun), { signal })) {
      for (let at = 0; at < entries.length && !signal.aborted; ) {
        const portion = entries.slice(at, at + pace.portion)
        at += portion.length
        await pace.wait(portion.length, signal)
        this.delivered = portion.at(-1)?.position ?? this.delivered
        await host.deliver(PARTITION, portion)
      }
    }
  }

  #ended(): void {
    this.#isRead = !this.#abort.signal.aborted
    if (this.#isRead && this.settled === this.delivered) this.#finish()
  }

  async acknowledge(_: string, messages: readonly Message[]): Promise<void> {
    const { position } = messages.at(-1)!
    await this.#options.bookmark?.write(position)
    this.settled = position
    if (this.#isRead) this.#ended()
  }

  deadLetter(): Promise<void> {
    return Promise.reject(new CliError('a file takes no dead letters'))
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    const messages = placeOf(this.delivered).record - placeOf(this.settled).record
    return new Map([[PARTITION, { messages }]])
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#host?.revoked(PARTITION)
  }
}

/** Keeps to so many records a second, a tenth of a second's at a time. */
class Pace {
  readonly portion: number
  readonly #rate: number | undefined
  readonly #started = performance.now()
  #records = 0

  constructor(rate: number | undefined) {
    this.#rate = rate
    this.portion = rate === undefined ? PORTION : Math.max(1, Math.min(PORTION, Math.floor(rate / 10)))
  }

  async wait(records: number, signal: AbortSignal): Promise<void> {
    if (this.#rate === undefined) return
    this.#records += records
    const early = (this.#records / this.#rate) * 1000 - (performance.now() - this.#started)
    if (early > 0) await sleep(early, signal)
  }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end)
  })
}
