import { closeSync, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import type { SpoolDatabase } from './client.ts'
import { Connection } from './connection.ts'
import { bytesOf, type LetterRow, letterOf, type NewDeadLetter, type SpoolDeadLetter } from './letters.ts'
import { closeFile, DEAD_LETTERS, openFile, reserve, type SpoolFile, tableOf } from './spool-file.ts'

/** A message that is to be stored. */
export interface Draft {
  readonly partition: number
  readonly table: string | undefined
  /** `traceparent`, and after a line break `tracestate`. */
  readonly trace: string | undefined
  readonly body: string | Uint8Array
}

export interface StoredMessage {
  readonly position: number
  /** ms since 1970 */
  readonly at: number
  readonly table_name: string | null
  readonly trace: string | null
  readonly body: string | Uint8Array
}

/** What is written in one transaction. */
export interface Write {
  readonly drafts: readonly Draft[]
  readonly letters: readonly NewDeadLetter[]
  /** Up to which position a partition is settled. */
  readonly settled: Iterable<readonly [partition: number, position: number]>
}

export interface Written {
  /** The position of each draft. */
  readonly positions: readonly number[]
  /** Messages that were deleted, and may be more than that, by partition. */
  readonly deleted: readonly (readonly [partition: number, messages: number])[]
}

/** Most messages one transaction deletes of a partition: more would hold the event loop for long. */
export const MOST_DELETED = 1000

/** How many messages a statement writes: most of what one costs it costs once. Few sizes, as each is prepared. */
const ROWS_AT_ONCE = [16, 4, 1]

const syncData = promisify(fdatasync)

/** The messages of one file, which this process has for itself. All of it but {@link sync} is done when it returns. */
export class SpoolStore {
  readonly file: SpoolFile
  readonly #connection: Connection
  /** Of the write-ahead log, which SQLite takes no locks on; closing one of the database itself would drop those it has. */
  readonly #log: number | undefined
  #last: number
  #reserved: number

  /** @throws {SpoolError} */
  constructor(database: SpoolDatabase, partitions: number, fsync: boolean) {
    this.#connection = new Connection(database)
    this.file = openFile(this.#connection, partitions)
    this.#last = this.file.begin - 1
    this.#reserved = this.file.reserved
    this.#log = fsync ? this.#openLog() : undefined
  }

  /** The last position that was given out. */
  get last(): number {
    return this.#last
  }

  /** All of it, or nothing. */
  write({ drafts, letters, settled }: Write): Written {
    const at = Date.now()
    const first = this.#take(drafts.length)
    return this.#connection.transaction(() => {
      const positions = drafts.map((_, i) => first + i)
      for (const [partition, values] of valuesOf(drafts, first, at)) this.#insert(partition, values)
      for (const letter of letters) this.#putAside(letter)
      const deleted = Array.from(settled, ([partition, to]) => [partition, this.#delete(partition, to)] as const)
      return { positions, deleted }
    })
  }

  /**
   * Resolves when what was written until now is on the disk. SQLite's own sync would hold the event loop for as long as the
   * disk takes. The log is enough: SQLite syncs it before it takes from it, and the database before it writes over it.
   */
  async sync(): Promise<void> {
    if (this.#log !== undefined) await syncData(this.#log)
  }

  /** In order, those after one position and up to another. */
  read(partition: number, after: number, to: number, most: number): StoredMessage[] {
    const sql = `SELECT position, at, table_name, trace, body FROM ${tableOf(partition)}
      WHERE position > ? AND position <= ? ORDER BY position LIMIT ?`
    const rows = this.#connection.all<StoredMessage>(sql, after, to, most)
    return rows.map((row) => (typeof row.body === 'string' ? row : { ...row, body: bytesOf(row.body) }))
  }

  count(partition: number): number {
    return this.#connection.value<number>(`SELECT count(*) FROM ${tableOf(partition)}`)!
  }

  /** When the first message after `position` was accepted, in ms since 1970. */
  acceptedAfter(partition: number, position: number): number | undefined {
    const sql = `SELECT at FROM ${tableOf(partition)} WHERE position > ? ORDER BY position LIMIT 1`
    return this.#connection.value<number>(sql, position)
  }

  /** Bytes of the file that hold something; those of deleted messages are used again. */
  usedBytes(): number {
    const [pages, free, size] = ['page_count', 'freelist_count', 'page_size'].map((name) => this.#number(name))
    return (pages! - free!) * size!
  }

  deadLetters(after: number, most: number): SpoolDeadLetter[] {
    const sql = `SELECT * FROM ${DEAD_LETTERS} WHERE number > ? ORDER BY number LIMIT ?`
    return this.#connection.all<LetterRow>(sql, after, most).map(letterOf)
  }

  countDeadLetters(): number {
    return this.#connection.value<number>(`SELECT count(*) FROM ${DEAD_LETTERS}`)!
  }

  deleteDeadLetters(upTo: number): number {
    return this.#connection.run(`DELETE FROM ${DEAD_LETTERS} WHERE number <= ?`, upTo)
  }

  /** The file is free for others. The connection stays open: it is the user's. */
  close(): void {
    if (this.#log !== undefined) closeSync(this.#log)
    closeFile(this.#connection)
  }

  /** As {@link close}, of a file that is beyond reading. */
  release(): void {
    try {
      this.close()
    } catch {}
  }

  #number(pragma: string): number {
    return this.#connection.value<number>(`PRAGMA ${pragma}`)!
  }

  /** Positions for so many messages; @returns the first. What is taken and not used after all is left out. */
  #take(count: number): number {
    const first = this.#last + 1
    if (count === 0) return first
    this.#last += count
    while (this.#last > this.#reserved) this.#reserved = reserve(this.#connection, this.#reserved)
    return first
  }

  #insert(partition: number, values: readonly (readonly unknown[])[]): void {
    let done = 0
    for (const rows of ROWS_AT_ONCE) {
      const sql = insertSql(partition, rows)
      for (; values.length - done >= rows; done += rows) {
        this.#connection.run(sql, ...values.slice(done, done + rows).flat())
      }
    }
  }

  #delete(partition: number, to: number): number {
    const table = tableOf(partition)
    return this.#connection.run(
      `DELETE FROM ${table} WHERE position <= (SELECT max(position) FROM
        (SELECT position FROM ${table} WHERE position <= ? ORDER BY position LIMIT ${MOST_DELETED}))`,
      to,
    )
  }

  #putAside(letter: NewDeadLetter): void {
    const { partition, position, acceptedAt, putAsideAt, reason, table, code, message, headers, body } = letter
    const parts = [partition, position, acceptedAt ?? null, putAsideAt, reason, table ?? null, code ?? null, message]
    const sql = `INSERT INTO ${DEAD_LETTERS} VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    this.#connection.run(sql, ...parts, JSON.stringify(headers), body)
  }

  #openLog(): number | undefined {
    try {
      return openSync(`${this.file.path}-wal`, 'r+')
    } catch {
      this.#connection.exec('PRAGMA synchronous = FULL') // another file system, or none: SQLite knows its way there
      return undefined
    }
  }
}

/** What a table holds of each message, by partition. */
function valuesOf(drafts: readonly Draft[], first: number, at: number): Map<number, unknown[][]> {
  const byPartition = new Map<number, unknown[][]>()
  for (const [i, { partition, table, trace, body }] of drafts.entries()) {
    let values = byPartition.get(partition)
    if (values === undefined) byPartition.set(partition, (values = []))
    values.push([first + i, at, table ?? null, trace ?? null, body])
  }
  return byPartition
}

function insertSql(partition: number, rows: number): string {
  return `INSERT INTO ${tableOf(partition)} VALUES ${Array.from({ length: rows }, () => '(?, ?, ?, ?, ?)').join()}`
}
