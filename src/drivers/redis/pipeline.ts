import type { Operation, RowFailure } from '../../contract/driver.ts'
import type { Row } from '../../contract/table.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { shownName } from './shown-name.ts'
import { slotOf } from './slot.ts'
import { bulks, type Constant, RespWriter } from './writer.ts'

/** A row without a key goes to any node. */
export const ANY_SLOT = -1

const MULTI = '*1\r\n$5\r\nMULTI\r\n'
const EXEC = '*1\r\n$4\r\nEXEC\r\n'

/** How many keys one MSET sets: all of them are set before the server turns to anybody else. */
const MAX_PAIRS = 500

/** Entries side by side, each a key and a value and no command yet: together they are one MSET, each alone a SET. */
export interface Pairs {
  readonly start: number
  end: number
}

/** A command ahead of the first entry. Its reply tells whether the application has a MULTI open. */
export interface Preamble {
  /** In lower case. */
  readonly name: string
  readonly bytes: Buffer
}

/** For commands whose replies may be any text, also the one that MULTI has every command answered with. */
export const PING: Preamble = { name: 'ping', bytes: Buffer.from('*1\r\n$4\r\nPING\r\n') }

export interface PipelineOptions {
  /** Goes before every key. */
  readonly keyPrefix: string
  /** Whether the slot of each row is wanted. Keys of different slots cannot be set together. */
  readonly slots: boolean
  /** Expected size in bytes. */
  readonly size: number
}

/**
 * The commands of one batch, encoded. Its entries are the rows that could be encoded, in order: each some commands, side
 * by side in `bytes`.
 */
export class Pipeline implements Operation {
  /** Rows that could not be encoded. */
  readonly failures: RowFailure[] = []
  /** For each entry where its row stands in the batch. */
  readonly rows: number[] = []
  /** For each entry the end of its bytes. */
  readonly ends: number[] = []
  /** For each entry the end of its commands among `commands`. */
  readonly commandEnds: number[] = []
  /** For each entry its hash slot; empty when slots are not wanted. */
  readonly slots: number[] = []
  /** Names in lower case as they may be shown, those of all entries one after the other. */
  readonly commands: string[] = []
  /** In order. */
  readonly pairs: Pairs[] = []
  preamble: Preamble | undefined
  /** Whether a `0` or nil as an entry's last reply says that its key was there already. */
  readonly refusable: boolean
  /** Whether a `0` as an entry's last reply says that its row changed nothing. */
  newer = false
  readonly #writer: RespWriter
  readonly #options: PipelineOptions
  #slot = ANY_SLOT
  #isPair = false
  /** The last command: mostly the next is the same. */
  #name = ''
  #count = 0
  #shown = ''
  #head = ''
  #names: readonly string[] | undefined

  constructor(options: PipelineOptions, refusable: boolean) {
    this.#options = options
    this.refusable = refusable
    this.#writer = new RespWriter(options.size)
  }

  /** `PIPELINE HSET`, or `PIPELINE` when its commands differ. */
  get name(): string {
    const names = this.#distinct().filter((name) => name !== 'MULTI' && name !== 'EXEC')
    return names.length === 1 ? `PIPELINE ${names[0]}` : 'PIPELINE'
  }

  /** The names of the commands that occur. */
  get text(): string {
    return this.#distinct().join(' ')
  }

  /** How many commands. */
  get batchSize(): number {
    return this.joins ? this.pairs.length : this.commands.length
  }

  /** Whether pairs are set together: not among other commands, which must not be carried out twice when an MSET is refused. */
  get joins(): boolean {
    return this.rows.length > 1 && this.pairs.reduce((sum, { start, end }) => sum + end - start, 0) === this.rows.length
  }

  get byteLength(): number {
    return this.#writer.position
  }

  get bytes(): Buffer {
    return this.#writer.bytes
  }

  /** Encodes one row by `write`, or notes why it cannot be. */
  row(index: number, write: (out: Pipeline, row: Row) => void, row: Row): void {
    const mark = this.#writer.mark()
    const { length } = this.commands
    this.#slot = ANY_SLOT
    this.#isPair = false
    try {
      write(this, row)
      this.#close(index)
    } catch (error) {
      this.#writer.reset(mark)
      this.commands.length = length
      this.failures.push({ index, error: encodeError(error) })
    }
  }

  /** Opens a command with `count` arguments, to be written next. @param name in lower case */
  command(name: string, count: number): void {
    if (name !== this.#name || count !== this.#count) {
      this.#name = name
      this.#count = count
      this.#shown = shownName(name)
      this.#head = `*${count + 1}\r\n${bulks(name).text}`
    }
    this.commands.push(this.#shown)
    this.#writer.raw(this.#head)
  }

  /** A SET without conditions, the only command of its row. */
  pair(key: string | Uint8Array, value: unknown): void {
    if (this.#options.slots) this.command('set', 2)
    else {
      this.#isPair = true
      this.commands.push('set')
    }
    this.key(key)
    this.argument(value)
  }

  key(key: string | Uint8Array): void {
    const { keyPrefix, slots } = this.#options
    const full = keyPrefix === '' ? key : prefixed(keyPrefix, key)
    this.#writer.bulk(full)
    if (!slots) return
    const bytes = typeof full === 'string' ? Buffer.from(full) : full
    const slot = slotOf(bytes, 0, bytes.length)
    if (this.#slot !== ANY_SLOT && this.#slot !== slot) {
      throw new EncodeError('the keys of one row must share a slot of the cluster: give them the same {hash tag}')
    }
    this.#slot = slot
  }

  argument(value: unknown): void {
    this.#writer.bulk(value)
  }

  /** Arguments encoded beforehand. */
  constant({ text, byteLength }: Constant): void {
    this.#writer.raw(text, byteLength)
  }

  /** From here to {@link exec} all commands are carried out, or none. */
  multi(): void {
    this.commands.push('multi')
    this.#writer.raw(MULTI)
  }

  exec(): void {
    this.commands.push('exec')
    this.#writer.raw(EXEC)
  }

  /** Where the commands of an entry are among `commands`. */
  commandsOf(entry: number): readonly [start: number, end: number] {
    return [entry === 0 ? 0 : this.commandEnds[entry - 1]!, this.commandEnds[entry]!]
  }

  #close(index: number): void {
    if (this.#isPair) this.#join(this.rows.length)
    this.rows.push(index)
    this.ends.push(this.#writer.position)
    this.commandEnds.push(this.commands.length)
    if (this.#options.slots) this.slots.push(this.#slot)
  }

  #join(entry: number): void {
    const last = this.pairs.at(-1)
    if (last?.end !== entry || entry - last.start === MAX_PAIRS) {
      this.pairs.push({ start: entry, end: entry + 1 })
      return
    }
    last.end++
  }

  #distinct(): readonly string[] {
    this.#names ??= this.joins ? ['MSET'] : [...new Set(this.commands)].map((name) => name.toUpperCase())
    return this.#names
  }
}

function prefixed(prefix: string, key: string | Uint8Array): string | Uint8Array {
  return typeof key === 'string' ? prefix + key : Buffer.concat([Buffer.from(prefix), key])
}

function encodeError(error: unknown): EncodeError {
  return error instanceof EncodeError
    ? error
    : new EncodeError('the row cannot be encoded: see cause', { cause: error })
}
