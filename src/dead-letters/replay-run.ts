import { unlink } from 'node:fs/promises'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { Guard } from '../support/guard.ts'
import { Queue } from '../support/queue.ts'
import { ReplayLedger } from './replay-ledger.ts'
import type { ReplaySummary } from './replay-options.ts'
import { ReplayProgressFile } from './replay-progress-file.ts'
import { type Outcome, type ReplayPlan, Resubmission } from './resubmission.ts'
import { linesOf, seal, segmentsOf, setAside } from './segments.ts'

/** A line whose outcome is not saved yet. */
interface Pending {
  readonly outcome: Promise<Outcome>
  readonly bytes: number
  /** Where the next line begins. */
  readonly end: number
}

/** Rows may be large: no more than so many bytes of lines are in memory, however many lines the window has room for. */
const MOST_BYTES = 16 * 1024 * 1024

/** One replay: reads ahead of the outcomes by a window, and saves them in the order of the lines. */
export class ReplayRun {
  readonly #plan: ReplayPlan
  readonly #resubmission: Resubmission
  readonly #ledger: ReplayLedger
  readonly #guard = new Guard('onProgress of replayDeadLetters threw')
  readonly #pending = new Queue<Pending>()
  #pendingBytes = 0
  /** Why no more rows are submitted. */
  #error: BatchFlowError | undefined

  constructor(plan: ReplayPlan) {
    this.#plan = plan
    this.#resubmission = new Resubmission(plan)
    this.#ledger = new ReplayLedger(plan.path)
  }

  async run(): Promise<ReplaySummary> {
    const { path } = this.#plan
    const file = await ReplayProgressFile.claim(path)
    let unread: number | undefined
    try {
      await setAside(path)
      unread = await this.#replayAll(file)
      if (this.#error !== undefined) throw this.#error
      const { progress } = this.#ledger
      return { ...progress, remaining: progress.failed + progress.kept + unread }
    } finally {
      await (unread === 0 ? file.end() : file.leave())
    }
  }

  /** What was set aside until now; returns how many of its lines are not read. */
  async #replayAll(file: ReplayProgressFile): Promise<number> {
    let unread = 0
    for (const segment of await segmentsOf(this.#plan.path)) {
      if (!this.#isOver && (await this.#replayOne(segment, file))) await unlink(segment)
      else for await (const _ of linesOf(segment, file.startOf(segment))) unread++
    }
    return unread
  }

  /** Returns whether the segment is done with. */
  async #replayOne(segment: string, file: ReplayProgressFile): Promise<boolean> {
    const save = (end: number) => file.save(segment, end)
    let [start, isRead] = [file.startOf(segment), true]
    await seal(segment)
    for await (const { bytes, end } of linesOf(segment, start)) {
      isRead = !this.#isOver && this.#submit(bytes, end - start, end)
      if (!isRead) break
      start = end
      if (this.#isFull) await this.#settle(this.#plan.window / 4, save)
    }
    await this.#settle(Number.POSITIVE_INFINITY, save)
    return isRead && this.#error === undefined
  }

  get #isOver(): boolean {
    return this.#error !== undefined || this.#plan.signal?.aborted === true
  }

  get #isFull(): boolean {
    return this.#pending.size >= this.#plan.window || this.#pendingBytes >= MOST_BYTES
  }

  /** `false`: not this line, nor any behind it. */
  #submit(line: Buffer, bytes: number, end: number): boolean {
    const outcome = this.#resubmission.of(line)
    if (outcome instanceof Error) this.#error = outcome
    else {
      this.#pending.push({ outcome, bytes, end })
      this.#pendingBytes += bytes
    }
    return this.#error === undefined
  }

  /** Waits for so many outcomes, `least` or as many as there are, and saves them. */
  async #settle(least: number, save: (end: number) => Promise<void>): Promise<void> {
    void this.#plan.flow.flush() // a batch that nobody fills any more need not wait
    let end: number | undefined
    for (let left = least; left > 0; left--) {
      const next = this.#pending.shift()
      if (next === undefined) break
      this.#pendingBytes -= next.bytes
      const outcome = await next.outcome
      if (outcome.is === 'refused') {
        this.#error ??= outcome.error
        this.#pending.retain(() => false) // whatever was submitted later was refused, too
        break
      }
      this.#ledger.enter(outcome)
      end = next.end
    }
    if (end === undefined) return
    await this.#ledger.keep()
    await save(end)
    this.#guard.run(() => this.#plan.onProgress?.(this.#ledger.progress))
  }
}
