import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { traitsOf } from '../../contract/reasons.ts'
import { blockSql, errorOf, type Refused, refusedIn, rowsOfBlock } from './block.ts'
import type { Chunk } from './chunks.ts'
import { classify } from './classify.ts'
import { isServerError, type ServerError } from './client.ts'
import { isRefusal } from './connection.ts'
import type { MysqlOperation } from './operation.ts'
import { isAboutRow, rowIndexOf } from './row-index.ts'
import type { Transaction } from './session.ts'
import { unchangedIn } from './unchanged.ts'

/** How a batch is sent. */
export interface Manner {
  readonly prepare: boolean
  /** Bad rows may be left out. */
  readonly isolate: boolean
  /** Where bad rows are many, rows go in blocks of single inserts. */
  readonly blocks: boolean
  /** Rows that change nothing are to be counted. */
  readonly counts: boolean
}

/** Numbers of rows. */
interface Block {
  readonly rows: number
  readonly refused: number
}

/** Errors of the place that a trigger may raise as well. */
const DOUBTFUL = new Set(['schema', 'syntax', 'permission', 'unknown'])

/** Only rows make the server look at it, but it is no row's fault. */
const GENERATED_COLUMN = new Set([1906, 3105])

/** So many blocks without a bad row, and rows go in groups again: a bad one among those costs eight statements. */
const CLEAN_BLOCKS = 3

/** Not understood, or not to be prepared: nothing of it was carried out, as the block itself takes whatever its statements meet. */
const NO_BLOCKS = new Set([1064, 1295])

/** Writes one operation in one transaction. */
export class Writer {
  readonly #transaction: Transaction
  readonly #operation: MysqlOperation
  readonly #manner: Manner
  readonly #failures: RowFailure[] = []
  /** Rows that were there already and did not change, where that is of interest. */
  unchanged = 0
  /** Whether such rows could be written at all, once somebody had to ask. */
  #placeIsFit: boolean | undefined
  #blocks: boolean
  /** The text of a block, once there was one. */
  #block: string | undefined

  constructor(transaction: Transaction, operation: MysqlOperation, manner: Manner) {
    this.#transaction = transaction
    this.#operation = operation
    this.#manner = manner
    this.#blocks = manner.blocks
  }

  /** The rows that are left out so far. */
  get failures(): readonly RowFailure[] {
    return this.#failures
  }

  /** Returns the rows that are not written, where they may be left out. */
  async write(): Promise<readonly RowFailure[]> {
    const { chunks } = this.#operation
    if (chunks.length > 1 || !this.#transaction.isAutomatic) await this.#transaction.begin()
    for (const chunk of chunks) {
      await this.#insert(chunk).then(
        (said) => this.#count(said, chunk.rows),
        (error: unknown) => this.#onRefusal(chunk, error),
      )
    }
    if (this.#block !== undefined) this.#transaction.forget(this.#block)
    if (!this.#transaction.isAutomatic) await this.#transaction.commit()
    return this.#failures
  }

  /** The server has taken back the statement, and nothing else. */
  async #onRefusal(chunk: Chunk, error: unknown): Promise<void> {
    if (!isRefusal(error) || traitsOf(classify(error)!.reason).retryable) throw error
    const suspect = await rowIndexOf(this.#transaction, error)
    await this.#transaction.begin()
    if (!(await this.#isRowAtFault(error))) throw error
    if (chunk.rows === 1) return this.#leaveOut(chunk.first, error)
    const isNamed = suspect !== undefined && suspect < chunk.rows
    if (isNamed && !this.#manner.isolate) await this.#tryAlone(chunk, suspect, error)
    await this.#writeGood(chunk, suspect, error)
  }

  /** A row that fails as the whole did is the one; the rows before it need not be written to know that. */
  async #tryAlone(chunk: Chunk, row: number, error: ServerError): Promise<void> {
    await this.#transaction.ask({ sql: 'SAVEPOINT batchflow' })
    const alone = await this.#refusalOf(chunk.part(row, 1))
    if (alone?.errno === error.errno) await this.#leaveOut(chunk.first + row, error)
    await this.#transaction.ask({ sql: 'ROLLBACK TO SAVEPOINT batchflow' })
  }

  async #isRowAtFault(error: ServerError): Promise<boolean> {
    const { reason } = classify(error)!
    if (isAboutRow(error) || traitsOf(reason).isolate === true) return true
    if (!DOUBTFUL.has(reason) || GENERATED_COLUMN.has(error.errno)) return false
    this.#placeIsFit ??= await this.#probe()
    return this.#placeIsFit
  }

  #probe(): Promise<boolean> {
    return this.#transaction.ask({ sql: this.#operation.form.probe }).then(
      () => true,
      (error: unknown) => (isRefusal(error) ? false : Promise.reject(error)),
    )
  }

  /**
   * The rows of the chunk that the server takes: up to the one it complained of at once, else as many as there lately were
   * between two bad ones. All statements have a power of two rows, so that few are prepared. Where one row was bad others are
   * near, so blocks follow if the server has such.
   */
  async #writeGood(chunk: Chunk, complaint: number | undefined, like: ServerError): Promise<void> {
    let suspect = complaint
    let size = chunk.rows / 4
    let blocks = 0
    for (let at = 0; at < chunk.rows; ) {
      const block: Block | undefined = blocks > 0 ? await this.#writeBlock(chunk, at, like) : undefined
      if (block !== undefined) {
        at += block.rows
        size = block.rows
        blocks = block.refused > 0 ? CLEAN_BLOCKS : blocks - 1
        continue
      }
      if (suspect !== undefined && suspect < at) suspect = undefined
      const most = suspect === undefined ? 2 * size : suspect - at
      const rows = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(most, chunk.rows - at))))
      const error = await this.#refusalOf(chunk.part(at, rows), (said) => this.#count(said, rows))
      if (error === undefined || rows === 1) {
        if (error !== undefined) await this.#leaveOut(chunk.first + at, error)
        if (error !== undefined) blocks = CLEAN_BLOCKS
        size = error === undefined ? Math.max(size, rows) : Math.max(1, size / 2)
        at += rows
      } else {
        const index = suspect === undefined ? await rowIndexOf(this.#transaction, error) : undefined
        suspect = index === undefined ? undefined : at + index
        size = rows / 4
      }
    }
  }

  /** A block's worth of rows, one by one; `undefined`: there are not so many left, or the server has no blocks. */
  async #writeBlock(
    chunk: Chunk,
    at: number,
    like: ServerError,
  ): Promise<{ rows: number; refused: number } | undefined> {
    const rows = rowsOfBlock(chunk.width)
    if (!this.#blocks || rows < 2 || at + rows > chunk.rows) return undefined
    const sql = (this.#block ??= blockSql(this.#operation.form.sql(1), rows))
    const refused = await this.#sendBlock(sql, chunk.part(at, rows))
    if (refused === undefined) return undefined
    for (const one of refused) {
      await this.#leaveOut(chunk.first + at + one[0], await errorOf(one, this.#transaction, like))
    }
    return { rows, refused: refused.length }
  }

  async #sendBlock(sql: string, chunk: Chunk): Promise<readonly Refused[] | undefined> {
    try {
      return refusedIn(await this.#transaction.execute(sql, chunk))
    } catch (error) {
      if (!isServerError(error) || !NO_BLOCKS.has(error.errno)) throw error
      this.#blocks = false
      return undefined
    }
  }

  async #leaveOut(index: number, error: ServerError): Promise<void> {
    if (!(await this.#isRowAtFault(error))) throw error
    if (!this.#manner.isolate) throw new AttemptError(error, { rowIndex: index })
    this.#failures.push({ index, error: new AttemptError(error, { rowIndex: index }) })
  }

  /** With what the server refused the statement, if it did and can go on. */
  async #refusalOf(chunk: Chunk, onAnswer?: (said: unknown) => void): Promise<ServerError | undefined> {
    try {
      const said = await this.#insert(chunk)
      onAnswer?.(said)
      return undefined
    } catch (error) {
      if (isServerError(error) && isRefusal(error) && !traitsOf(classify(error)!.reason).retryable) return error
      throw error
    }
  }

  #count(said: unknown, rows: number): void {
    if (this.#manner.counts) this.unchanged += unchangedIn(said, rows)
  }

  #insert(chunk: Chunk): Promise<unknown> {
    const sql = this.#operation.form.sql(chunk.rows)
    if (this.#manner.prepare) return this.#transaction.execute(sql, chunk)
    return this.#transaction.send({ sql, values: chunk.bound() })
  }
}
