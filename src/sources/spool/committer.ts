import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { BatchTrace, FlowTracing } from '../../contract/tracing.ts'
import { Guard } from '../../support/guard.ts'
import { type EncodedRow, Group, type OpenMessage, type Place } from './group.ts'
import type { NewDeadLetter } from './letters.ts'
import { SpoolError, spoolErrorOf } from './spool-error.ts'
import { MOST_DELETED, type SpoolStore, type Written } from './spool-store.ts'

/** How long is waited before what could not be deleted is tried again, in ms. */
const AGAIN_AFTER = 1000

export interface CommitterOptions {
  readonly maxFileBytes: number
  readonly overflow: 'wait' | 'reject'
  readonly tracing: FlowTracing
}

/** What hears of what was stored, by partition. */
export interface CommitListener {
  stored(messages: readonly OpenMessage[], positions: readonly number[]): void
}

interface Aside {
  readonly letter: NewDeadLetter
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Writes groups of rows to the store, one after the other: what comes while one is under way is the next one. What is settled
 * is deleted, and what is put aside is noted, in the same transactions.
 */
export class Committer {
  readonly #store: SpoolStore
  readonly #options: CommitterOptions
  readonly #listeners = new Set<CommitListener>()
  readonly #groups: Group[] = []
  readonly #counts: number[]
  #asides: Aside[] = []
  /** What is settled and not deleted yet. */
  #settled = new Map<number, number>()
  /** What could not be deleted for the moment. */
  #deferred = new Map<number, number>()
  #again: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #durable: number
  #used: number
  /** Bytes of rows that wait for their commit. */
  #waiting = 0
  #broken: SpoolError | undefined
  readonly #guard = new Guard('spans of a spool are incomplete')

  constructor(store: SpoolStore, options: CommitterOptions) {
    this.#store = store
    this.#options = options
    this.#durable = store.last
    this.#used = store.usedBytes()
    this.#counts = Array.from({ length: store.file.partitions }, (_, partition) => store.count(partition))
  }

  /** The last position that is on the disk, as far as that is promised. */
  get durable(): number {
    return this.#durable
  }

  get usedBytes(): number {
    return this.#used
  }

  get waitingRows(): number {
    return this.#groups.reduce((sum, { rows }) => sum + rows, 0)
  }

  /** Messages of a partition that are not deleted. */
  count(partition: number): number {
    return this.#counts[partition]!
  }

  listen(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** @throws {SpoolError} when it is full and `overflow` is `reject`, or the disk failed before */
  add(row: EncodedRow): Place {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#options.overflow === 'reject' && !this.#hasRoom(this.#waiting + row.text.length)) throw this.#full()
    let group = this.#groups.at(-1)
    if (group === undefined || group.isFull) this.#groups.push((group = new Group(this.#options.maxFileBytes)))
    this.#waiting += row.text.length
    const place = group.add(row)
    this.#wake()
    return place
  }

  /** Resolves when it is on the disk. @throws {SpoolError} */
  putAside(letter: NewDeadLetter): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken)
      this.#asides.push({ letter, resolve, reject })
      this.#wake()
    })
  }

  /** Messages up to this one are needed no more; they are deleted soon. */
  settle(partition: number, position: number): void {
    if (position <= (this.#settled.get(partition) ?? 0)) return
    this.#settled.set(partition, position)
    this.#wake()
  }

  /** Resolves when nothing waits any more that there is room for. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Refuses what waits for room. */
  refuseWaiting(error: Error): void {
    for (const group of this.#groups.splice(0)) this.#drop(group, error)
  }

  #wake(): void {
    if (this.#running !== undefined || !this.#hasWork()) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      this.#wake()
    })
  }

  #hasWork(): boolean {
    return this.#asides.length > 0 || this.#settled.size > 0 || this.#nextGroup() !== undefined
  }

  /** Everything that comes in one turn of the event loop is together, and others have their turn between two commits. */
  async #run(): Promise<void> {
    await turn()
    const began = performance.now()
    const group = this.#nextGroup()
    if (group !== undefined) this.#groups.shift()
    await this.#commit(group)
    // Where several come at once, more are to come: a commit for each turn would cost more than it saves them.
    const paused = group !== undefined && group.rows > 1 && performance.now() - began < 1
    if (paused) await sleep(1)
  }

  #nextGroup(): Group | undefined {
    const [group] = this.#groups
    return group !== undefined && this.#hasRoom(group.bytes) ? group : undefined
  }

  async #commit(group: Group | undefined): Promise<void> {
    const asides = this.#asides
    const settled = merge(this.#deferred, this.#settled)
    this.#asides = []
    this.#deferred = new Map()
    this.#settled = new Map()
    const messages = group?.messages ?? []
    const trace = group && this.#startTrace(group)
    try {
      const written = this.#write(messages, asides, settled)
      if (messages.length > 0 || asides.length > 0) await this.#sync()
      this.#durable = Math.max(this.#durable, written.positions.at(-1) ?? 0)
      for (const listener of this.#listeners) listener.stored(messages, written.positions)
      if (group !== undefined) this.#waiting -= group.bytes
      group?.succeed()
      this.#endTrace(trace)
      for (const { resolve } of asides) resolve()
    } catch (error) {
      const refused = spoolErrorOf('rows were not accepted', error)
      this.#endTrace(trace, refused)
      if (group !== undefined) this.#drop(group, refused)
      for (const { reject } of asides) reject(refused)
    }
  }

  #startTrace({ messages, origins }: Group): BatchTrace | undefined {
    const [table, rows] = ['', messages.length]
    const batch = { table, rows, accepted: rows, trigger: 'size' as const, orphans: false, submitters: [] }
    return this.#guard.run(() => this.#options.tracing.startBatch({ ...batch, origins: [...origins] }))
  }

  #endTrace(trace: BatchTrace | undefined, error?: SpoolError): void {
    this.#guard.run(() => trace?.end({ attempts: 1, failed: 0, ambiguous: 0, reason: error?.reason }))
  }

  #write(messages: readonly OpenMessage[], asides: readonly Aside[], settled: Map<number, number>): Written {
    try {
      const written = this.#store.write({ drafts: messages, letters: asides.map(({ letter }) => letter), settled })
      this.#account(messages, written, settled)
      return written
    } catch (error) {
      this.#deleteLater(settled)
      throw error
    }
  }

  #account(messages: readonly OpenMessage[], { deleted }: Written, settled: ReadonlyMap<number, number>): void {
    for (const { partition } of messages) this.#counts[partition]!++
    for (const [partition, count] of deleted) {
      this.#counts[partition]! -= count
      if (count === MOST_DELETED) this.#settled.set(partition, settled.get(partition)!)
    }
    this.#used = this.#store.usedBytes()
  }

  /** On a full disk nothing can be deleted either, for the moment: it goes with the next rows, or when some time is over. */
  #deleteLater(settled: ReadonlyMap<number, number>): void {
    if (settled.size === 0) return
    merge(this.#deferred, settled)
    this.#again ??= setTimeout(() => {
      this.#again = undefined
      merge(this.#settled, this.#deferred)
      this.#deferred.clear()
      this.#wake()
    }, AGAIN_AFTER).unref()
  }

  /** After a sync that failed the system may have forgotten what it could not write: nothing can be promised any more. */
  async #sync(): Promise<void> {
    try {
      await this.#store.sync()
    } catch (error) {
      const advice = 'rows in it are safe only up to those accepted before; open it anew'
      this.#broken = new SpoolError('io', `spool: the disk failed, and rows may not have reached it: ${advice}`, {
        cause: error,
      })
      this.refuseWaiting(this.#broken)
      throw this.#broken
    }
  }

  #drop(group: Group, error: Error): void {
    this.#waiting -= group.bytes
    group.fail(error)
  }

  #hasRoom(bytes: number): boolean {
    return this.#used + bytes <= this.#options.maxFileBytes
  }

  #full(): SpoolError {
    const advice = 'rows leave it as they are committed in the database'
    return new SpoolError(
      'full',
      `spool: its maxFileBytes (${this.#options.maxFileBytes}) are taken; the row was not accepted: ${advice}`,
    )
  }
}

/** Adds to positions those that are further on; returns them. */
function merge(into: Map<number, number>, positions: ReadonlyMap<number, number>): Map<number, number> {
  for (const [partition, position] of positions) into.set(partition, Math.max(position, into.get(partition) ?? 0))
  return into
}
