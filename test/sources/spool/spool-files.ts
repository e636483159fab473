import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { decodeMessage } from '../../../src/consume/message-format.ts'
import type { Message, SourceHost } from '../../../src/consume/source.ts'

/** A folder of its own for each test, and connections to files in it. */
export class SpoolFiles {
  readonly folder = mkdtempSync(join(tmpdir(), 'batchflow-spool-'))
  readonly path = join(this.folder, 'spool.db')
  #copies = 0
  readonly #open: Database.Database[] = []

  connect(path = this.path): Database.Database {
    const database = new Database(path)
    this.#open.push(database)
    return database
  }

  /** The file and its log as they are now, under another name: what is left when a process ends without a word. */
  copy(): string {
    const path = `${this.path}-copy-${++this.#copies}`
    copyFileSync(this.path, path)
    if (existsSync(`${this.path}-wal`)) copyFileSync(`${this.path}-wal`, `${path}-wal`)
    return path
  }

  remove(): void {
    for (const database of this.#open) if (database.open) database.close()
    rmSync(this.folder, { recursive: true })
  }
}

/** A worker as a source sees it. */
export class Host implements SourceHost {
  readonly messages: Message[] = []
  readonly rows: unknown[] = []
  readonly calls: string[] = []
  readonly troubles: (Error | undefined)[] = []
  /** Where the database stands, by partition. */
  position: (partition: string) => string | undefined = () => undefined
  /** What a delivery waits for. */
  room: Promise<void> = Promise.resolve()
  readonly #waiting: { readonly rows: number; readonly resolve: () => void }[] = []

  async assigned(partition: string): Promise<string | undefined> {
    this.calls.push(`assigned ${partition}`)
    return this.position(partition)
  }

  async revoked(partition: string): Promise<void> {
    this.calls.push(`revoked ${partition}`)
  }

  async deliver(partition: string, messages: readonly Message[]): Promise<void> {
    this.calls.push(`deliver ${partition}`)
    this.messages.push(...messages)
    for (const message of messages) this.rows.push(...decodeMessage(message).map(({ row }) => row))
    for (const { rows, resolve } of this.#waiting) if (this.rows.length >= rows) resolve()
    await this.room
  }

  async poisoned(): Promise<boolean> {
    return false // no process dies of a message of its own file
  }

  trouble(error: Error | undefined): void {
    this.troubles.push(error)
    for (const { resolve } of this.#waiting) resolve()
  }

  /** Resolves once so many rows are there, or there is trouble. */
  async has(rows: number): Promise<void> {
    if (this.rows.length < rows && this.troubles.length === 0)
      await new Promise<void>((resolve) => this.#waiting.push({ rows, resolve }))
  }
}
