import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { DeadLetterFileError, fileError, ifThere } from './errors.ts'
import { sealIn, segmentsOf, setAside } from './segments.ts'

/** Bytes of a file, where nobody says how many. */
export const MAX_BYTES = 64 * 1024 * 1024

export interface AppendSettings {
  readonly maxBytes: number
  readonly maxFiles: number
  readonly fsync: boolean
}

interface Waiting {
  readonly bytes: Buffer
  readonly written: () => void
  readonly failed: (error: BatchFlowError) => void
}

/** How often a file may be taken away before the same group is in one. */
const MOST_TRIES = 10

/** What it holds is nobody's business but the owner's. */
const MODE = 0o600

/**
 * A file that only grows, by whole lines. Those who append while a write is under way share the next one. It is opened for
 * each write: another process, or a replay, may have renamed it meanwhile.
 */
export class AppendFile {
  readonly #path: string
  readonly #settings: AppendSettings
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined

  constructor(path: string, settings: AppendSettings) {
    this.#path = path
    this.#settings = settings
  }

  /** Resolves when it is written, and on the disk if that was asked for. @throws {DeadLetterFileError} */
  append(lines: string | Buffer): Promise<void> {
    return new Promise((written, failed) => {
      this.#waiting.push({ bytes: Buffer.from(lines), written, failed })
      this.#working ??= this.#work()
    })
  }

  /** Resolves when nothing is being written. Never rejects. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  async #work(): Promise<void> {
    await null // those who append one after the other share a write
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup()
      try {
        await this.#write(Buffer.concat(group.map(({ bytes }) => bytes)))
        for (const { written } of group) written()
      } catch (cause) {
        const error = fileError(this.#path, 'cannot write dead letters to', cause)
        for (const { failed } of group) failed(error)
      }
    }
    this.#working = undefined
  }

  /** As many as one file has room for, and one at least. */
  #nextGroup(): Waiting[] {
    let size = 0
    const end = this.#waiting.findIndex(({ bytes }, i) => (size += bytes.length) > this.#settings.maxBytes && i > 0)
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #write(group: Buffer): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) if (await this.#tryWrite(group)) return
    throw new DeadLetterFileError(
      this.#path,
      `cannot write dead letters to ${this.#path}: it is taken away again and again`,
    )
  }

  /** `false`: what was written does not count, or nothing was written, and `path` is another file now. */
  async #tryWrite(group: Buffer): Promise<boolean> {
    const before = await ifThere(stat(this.#path, { bigint: true })) // not later: from then on it may be renamed and sealed
    const file = await open(this.#path, 'a+', MODE)
    try {
      const { size, ino } = await file.stat({ bigint: true })
      if (size > 0n && Number(size) + group.length > this.#settings.maxBytes) {
        await this.#rotate()
        return false
      }
      await writeAll(file, (await isMidLine(file, Number(size))) ? Buffer.concat([FEED, group]) : group)
      if (this.#settings.fsync) {
        await file.datasync()
        if (before === undefined) await syncFolder(this.#path)
      }
      return await this.#counts(file, before?.ino === ino ? Number(before.size) : 0, group)
    } finally {
      await file.close()
    }
  }

  /**
   * Whether whoever reads the file comes to `group`: not if the file was deleted, or sealed before.
   *
   * @param from its size when it was seen to have its name: it is sealed later than that
   */
  async #counts(file: FileHandle, from: number, group: Buffer): Promise<boolean> {
    const named = await ifThere(stat(this.#path, { bigint: true }))
    const { ino, dev, size, nlink } = await file.stat({ bigint: true })
    if (named?.ino === ino && named.dev === dev) return true
    const bytes = Buffer.alloc(Math.max(0, Number(size) - from))
    await file.read(bytes, 0, bytes.length, from)
    const [sealed, written] = [sealIn(bytes), bytes.indexOf(group)]
    return sealed === -1 ? nlink > 0n : written !== -1 && written < sealed
  }

  async #rotate(): Promise<void> {
    const { maxFiles } = this.#settings
    if (maxFiles < Number.POSITIVE_INFINITY && (await segmentsOf(this.#path)).length + 1 >= maxFiles) {
      const full = `${maxFiles} files of dead letters are full at ${this.#path}: replay them, or move them away`
      throw new DeadLetterFileError(this.#path, full)
    }
    await setAside(this.#path)
  }
}

const FEED = Buffer.from('\n')

/** A crash in the middle of a write leaves half a line; the next one must not become a part of it. */
async function isMidLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false
  const last = Buffer.alloc(1)
  await file.read(last, 0, 1, size - 1)
  return !last.equals(FEED)
}

/** In one piece, unless the system writes less than it was given. */
async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; ) from += (await file.write(bytes, from)).bytesWritten
}

/** The name of a new file is on the disk once its folder is; where folders cannot be synced, the system sees to it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path)).catch(() => undefined)
  try {
    await folder?.sync().catch(() => undefined)
  } finally {
    await folder?.close()
  }
}
