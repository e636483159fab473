import { accessSync, constants } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DeadLetter } from '../flow/dead-letters.ts'
import { boolean, integer, type OptionsOf, optional, parse, text } from '../support/validate.ts'
import { AppendFile, type AppendSettings, MAX_BYTES } from './append-file.ts'
import { DeadLetterFileError, fileError } from './errors.ts'
import { lineOf } from './letter-line.ts'
import { witnesses } from './witness.ts'

export interface DeadLetterFileOptions {
  /**
   * Bytes at which a file is set aside under a name of its own and a new one begun. The letters of one batch stay together,
   * so that a file may be larger if that many rows fail at once. @default 64 MiB
   */
  readonly maxBytes?: number
  /**
   * Most files, the current one included. When they are full the handler rejects, and the flow keeps the letters as
   * `undelivered`: no letter is thrown away to make room for another. @default no limit
   */
  readonly maxFiles?: number
  /** Letters count as kept when they are on the disk, not only with the operating system. @default true */
  readonly fsync?: boolean
}

/** A `deadLetter` handler that keeps letters in a file. It may serve several flows. */
export interface DeadLetterFile extends AsyncDisposable {
  /** Resolves when the letters are written. @throws {DeadLetterFileError} when they cannot be, or after `close()` */
  (letters: readonly DeadLetter[]): Promise<void>
  /** Takes no more letters; resolves when those it has taken are written. Close the flows it serves before. */
  close(): Promise<void>
}

const FILE = {
  maxBytes: optional(integer(1), MAX_BYTES),
  maxFiles: optional(integer(1), Number.POSITIVE_INFINITY),
  fsync: optional(boolean, true),
} satisfies OptionsOf<DeadLetterFileOptions>

/**
 * Keeps rows that failed for good in a file of their own, one line of JSON each, for `replayDeadLetters` or for `jq`. Values
 * come back as they were: bigints, dates, bytes, maps and sets too. The file holds what the rows hold, so only its owner may
 * read it (mode 0600). Several processes may write to one path of a local file system.
 *
 * @param path its folder has to be there. Full files are beside it, as `path.20260102T030405678Z-1a2b3c4d`
 * @throws {OptionError}
 * @throws {DeadLetterFileError} when its folder is not there or cannot be written to
 */
export function deadLetterFile(path: string, options: DeadLetterFileOptions = {}): DeadLetterFile {
  const file = text('deadLetterFile: path', path)
  const settings: AppendSettings = parse('deadLetterFile', FILE, options)
  checkFolder(file)
  const { write, close } = writerOf(file, settings)
  return Object.assign(write, { close, [Symbol.asyncDispose]: close })
}

/** The path as every process sees it: the working directory may change. */
function writerOf(path: string, settings: AppendSettings): Pick<DeadLetterFile, 'close'> & { write: Write } {
  const place = resolve(path)
  const file = new AppendFile(place, settings)
  let closed = false
  return {
    write: async (letters) => {
      if (closed)
        throw new DeadLetterFileError(place, `the file of dead letters ${place} is closed: close its flows before it`)
      if (letters.length === 0) return
      const time = new Date().toISOString()
      await file.append(letters.map((letter) => lineOf(letter, time)).join(''))
      witnesses.get(place)?.saw(letters)
    },
    close: () => {
      closed = true
      return file.idle()
    },
  }
}

type Write = (letters: readonly DeadLetter[]) => Promise<void>

/** A path that is wrong should not be found out by the first row that fails. */
function checkFolder(path: string): void {
  try {
    accessSync(dirname(resolve(path)), constants.W_OK)
  } catch (cause) {
    throw fileError(path, 'cannot write dead letters to', cause)
  }
}
