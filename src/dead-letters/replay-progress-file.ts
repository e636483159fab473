import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import { codeOf, DeadLetterFileError, ifThere } from './errors.ts'

/** How far a replay has come, and who is at it. */
interface State {
  /** The file it is in; those before it are done, and gone. */
  readonly segment?: string
  /** Bytes of it whose letters are settled. */
  readonly offset?: number
  /** The process that replays now; absent between an interruption and the next start. */
  readonly pid?: number
  readonly host?: string
}

/**
 * `path.replay`: what a replay that was interrupted, even by `kill -9`, has done. It is written beside, synced and renamed,
 * so it is whole at any moment.
 */
export class ReplayProgressFile {
  readonly #path: string
  #state: State

  private constructor(path: string, found: State) {
    this.#path = path
    this.#state = found
  }

  /** @throws {DeadLetterFileError} when another process of this machine is at it */
  static async claim(path: string): Promise<ReplayProgressFile> {
    const found = await read(`${path}.replay`)
    const { pid, host } = found
    if (pid !== undefined && host === hostname() && pid !== process.pid && isAlive(pid)) {
      throw new DeadLetterFileError(
        path,
        `process ${pid} replays ${path} already; if it does not, delete ${path}.replay`,
      )
    }
    const progress = new ReplayProgressFile(path, found)
    await progress.#write({ ...found, ...OWNER })
    return progress
  }

  /** Where to go on in a file. */
  startOf(segment: string): number {
    return this.#state.segment === basename(segment) ? (this.#state.offset ?? 0) : 0
  }

  save(segment: string, offset: number): Promise<void> {
    return this.#write({ segment: basename(segment), offset, ...OWNER })
  }

  /** Nothing is left to go on with. */
  end(): Promise<void> {
    return rm(`${this.#path}.replay`, { force: true })
  }

  /** Somebody else may go on. */
  async leave(): Promise<void> {
    const { segment, offset } = this.#state
    if (segment === undefined || offset === undefined) await this.end()
    else await this.#write({ segment, offset })
  }

  async #write(state: State): Promise<void> {
    const beside = `${this.#path}.replay.new`
    try {
      await writeFile(beside, JSON.stringify({ v: 1, ...state }), { mode: 0o600, flush: true })
      await rename(beside, `${this.#path}.replay`)
    } catch (error) {
      await rm(beside, { force: true }) // on a full disk it is empty, and means nothing
      throw error
    }
    this.#state = state
  }
}

const OWNER: State = { pid: process.pid, host: hostname() }

/** What cannot be read is as good as none: the file it was about is replayed from its beginning. */
async function read(path: string): Promise<State> {
  const text = await ifThere(readFile(path, 'utf8'))
  try {
    return text === undefined ? {} : (JSON.parse(text) ?? {})
  } catch {
    return {}
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}
