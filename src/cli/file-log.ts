import type { Message, PartitionLag, Source, SourceHost, SourceMode } from 'batchflow-otel/consume'
import type { Bookmark } from './databases/database.ts'
import { CliError } from './errors.ts'
import { comparePositions, type Input, type Place, placeOf } from './input/entry.ts'
import { FilePrint } from './input/file-print.ts'
import { portionsOf, type RowOf } from './portions.ts'

const PARTITION = '0'
/** Records of one message. */
const PORTION = 100

export interface FileLogOptions {
  /** What the position of the file is kept under. */
  readonly name: string
  /** Records at most that are read and not settled. */
  readonly most: number
  /** Where that is, for a database that does not keep it with the rows. */
  readonly bookmark?: Bookmark | undefined
  /** Records a second at most. */
  readonly rate?: number | undefined
  /** Somebody keeps positions: they have to tell which file they are of. */
  readonly isRemembered: boolean
  /** Reading goes on behind this place, and the file is the one that was read up to there. */
  readonly onBegin: (place: Place) => void
}

/** A file as a log of one partition, which ends. So what holds for logs holds for it: order, backpressure, positions. */
export class FileLog implements Source {
  readonly name = 'file'
  readonly system = 'file'
  readonly ordered = true
  readonly deadLettersEach = true
  readonly compare = comparePositions
  readonly destination: string
  /** Resolves when all of the file is settled; rejects when it cannot be read. */
  readonly done: Promise<void>
  /** All up to here is settled. */
  settled = ''
  /** Up to here it was read. */
  delivered = ''
  readonly #input: Input
  readonly #rowOf: RowOf
  readonly #options: FileLogOptions
  readonly #abort = new AbortController()
  #host: SourceHost | undefined
  #isRead = false
  /** Those who wait for room look again. */
  #goOn = () => {}
  #finish!: () => void
  #fail!: (error: unknown) => void

  constructor(input: Input, rowOf: RowOf, options: FileLogOptions) {
    this.#input = input
    this.#rowOf = rowOf
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
    this.settled = this.delivered = position
    void this.#read(host, placeOf(position)).then(
      () => this.#ended(),
      (error) => this.#fail(error),
    )
  }

  async #read(host: SourceHost, from: Place): Promise<void> {
    const { signal } = this.#abort
    const { rate, isRemembered, onBegin } = this.#options
    const pace = new Pace(rate)
    const print = isRemembered ? new FilePrint() : undefined
    let isBegun = false
    const begin = () => {
      if (!isBegun && !signal.aborted) onBegin(from)
      isBegun = true
    }
    for await (const entries of this.#input.read(from, { signal, print })) {
      if (entries.length > 0) begin()
      for (const portion of portionsOf(entries, this.#rowOf, pace.portion, print)) {
        await pace.wait(portion.lines.length, signal)
        await this.#room(signal)
        if (signal.aborted) return
        this.delivered = portion.position
        await host.deliver(PARTITION, [portion])
      }
    }
    begin()
  }

  /** Of records: the worker counts messages. */
  async #room(signal: AbortSignal): Promise<void> {
    while (this.#unsettled >= this.#options.most && !signal.aborted) {
      await new Promise<void>((resolve) => (this.#goOn = resolve))
    }
  }

  get #unsettled(): number {
    return placeOf(this.delivered).record - placeOf(this.settled).record
  }

  #ended(): void {
    this.#isRead = !this.#abort.signal.aborted
    if (this.#isRead && this.settled === this.delivered) this.#finish()
  }

  async acknowledge(_: string, messages: readonly Message[]): Promise<void> {
    const { position } = messages.at(-1)!
    await this.#options.bookmark?.write(position)
    this.settled = position
    this.#goOn()
    if (this.#isRead) this.#ended()
  }

  deadLetter(): Promise<void> {
    return Promise.reject(new CliError('a file takes no dead letters'))
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    return new Map([[PARTITION, { messages: this.#unsettled }]])
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#goOn()
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
