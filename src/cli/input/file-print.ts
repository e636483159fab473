import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { CliError } from '../errors.ts'

/** Hexadecimal digits of a hash: no two files share them by chance. */
const DIGITS = 32

/** A place in a file, and the print of what was before it. */
interface Printed {
  readonly offset: number
  readonly line: number
  readonly print?: string | undefined
}

/**
 * What a file holds up to a place, in a few digits: by them it is known again. All of it is hashed, at a small part of what
 * loading costs. Bytes are given in their order, and asked for likewise.
 */
export class FilePrint {
  readonly #hash = createHash('sha256')
  /** Of the bytes in the hash. */
  #hashed = 0
  /** Those behind them. */
  #bytes: Buffer = Buffer.alloc(0)
  #isWhole = false

  /** Bytes that were given. */
  get length(): number {
    return this.#hashed + this.#bytes.length
  }

  push(chunk: Buffer): void {
    this.#take(this.#bytes.length)
    this.#bytes = chunk
  }

  /** The beginning of a file; without `end` all of it, for every place in it. */
  async pushFile(path: string, end?: number, signal?: AbortSignal): Promise<void> {
    const options = { ...(end !== undefined && { end: end - 1 }), ...(signal && { signal }) }
    for await (const chunk of createReadStream(path, options)) this.push(chunk)
    this.#isWhole = end === undefined
  }

  at(offset: number): string {
    this.#take(this.#isWhole ? this.#bytes.length : offset - this.#hashed)
    return this.#hash.copy().digest('hex').slice(0, DIGITS)
  }

  /** @throws {OtherFileError} where it is not what it was when the position was kept; older ones do not tell */
  check(name: string, { offset, line, print }: Printed): void {
    if (print !== undefined && this.at(offset) !== print) throw new OtherFileError(name, `what is up to line ${line}`)
  }

  #take(count: number): void {
    const bytes = this.#bytes.subarray(0, count)
    this.#hash.update(bytes)
    this.#hashed += bytes.length
    this.#bytes = this.#bytes.subarray(bytes.length)
  }
}

/** A position is of another file, or of this one before it was changed. */
export class OtherFileError extends CliError {
  constructor(name: string, what: string) {
    super(
      `${name} is not the file that was loaded before: ${what} is not what it was; nothing of it was loaded. ` +
        'Under a name of its own all of it is: --resume-as <another name>',
    )
  }
}
