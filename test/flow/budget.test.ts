/**
 * Rows of any size come, are written, refused, dropped, in any order, against a model that is nothing but sums. The fuzz test
 * beside it is about failures; this one is about room.
 */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FullError } from '../../src/contract/errors.ts'
import type { OverflowPolicy } from '../../src/flow/options.ts'
import type { CloseSummary } from '../../src/flow/outcomes.ts'
import { sizeOf } from '../../src/support/size-of.ts'
import { settled } from '../support/engine/clock.ts'
import { type Rig, rig } from '../support/engine/flow.ts'
import { MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, updated, users } from '../support/engine/tables.ts'

const test = suite('room')

interface Setup {
  readonly overflow: OverflowPolicy
  readonly concurrency: number
  readonly flushSize: number
  readonly spare: number
  readonly flushBytes: number
  readonly spareBytes: number
  readonly isHandlerSlow: boolean
  /** Rows of one key merge, so that how many the flow holds cannot be told from outside. */
  readonly hasKeys: boolean
}

interface Arrival {
  readonly does: 'submit' | 'trySubmit'
  readonly keyed: boolean
  readonly key: number
  readonly bytes: number
}

type Step =
  | Arrival
  | { readonly does: 'settle'; readonly nth: number; readonly fails: boolean }
  | { readonly does: 'advance' | 'flush' | 'take letters' }

const setups: fc.Arbitrary<Setup> = fc.record({
  overflow: fc.constantFrom<OverflowPolicy[]>('wait', 'reject', 'drop-oldest'),
  concurrency: fc.nat(3),
  flushSize: fc.integer({ min: 1, max: 5 }),
  spare: fc.nat(8),
  flushBytes: fc.constantFrom(50_000, 1e9),
  spareBytes: fc.constantFrom(0, 60_000),
  isHandlerSlow: fc.boolean(),
  hasKeys: fc.boolean(),
})

/** All of them are large enough to be measured each, so that the model can tell what they take. */
const bytes = fc.constantFrom(16_500, 17_000, 40_000, 70_000, 400_000)

const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 10,
    arbitrary: fc.record({ does: fc.constantFrom('submit', 'trySubmit'), keyed: fc.boolean(), key: fc.nat(5), bytes }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('settle'), nth: fc.nat(5), fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('advance', 'flush', 'take letters') }) },
)

/** One round: a flow, and what was seen of it from outside, in sums. */
class Round {
  readonly #used: Rig
  readonly #reporter = new RecordingReporter()
  readonly #setup: Setup
  readonly #limit: { readonly rows: number; readonly bytes: number }
  /** Calls of the dead-letter handler that have not returned. */
  readonly #handed: { readonly rows: readonly object[]; readonly taken: () => void }[] = []
  readonly #done = new Set<Run>()
  /** Rows without a key that were accepted and are not settled. */
  readonly #held = new Set<object>()
  /** Rows may be settled before their submitter has heard that they were accepted. */
  readonly #settled = new Set<object>()
  #submitted = 0
  #accepted = 0
  #refused = 0

  constructor(setup: Setup) {
    const { overflow, flushSize, flushBytes, isHandlerSlow } = setup
    this.#setup = setup
    this.#limit = { rows: flushSize + setup.spare, bytes: flushBytes + setup.spareBytes }
    this.#used = rig(
      {
        overflow,
        flushSize,
        flushBytes,
        flushInterval: 10,
        bufferSize: this.#limit.rows,
        bufferBytes: this.#limit.bytes,
        deadLetter: (letters) =>
          this.#hand(
            letters.map(({ row }) => row),
            isHandlerSlow,
          ),
      },
      (executor) =>
        executor.withConcurrencyLimit(setup.concurrency).withIsolation(false).withMetricsReporter(this.#reporter),
    )
  }

  #hand(rows: readonly object[], isSlow: boolean): Promise<void> | undefined {
    if (!isSlow) this.#end(rows)
    return isSlow ? new Promise((taken) => this.#handed.push({ rows, taken })) : undefined
  }

  #takeLetters(): void {
    for (const { rows, taken } of this.#handed.splice(0)) {
      this.#end(rows)
      taken()
    }
  }

  async take(step: Step): Promise<void> {
    const { flow, clock } = this.#used
    if (step.does === 'submit' || step.does === 'trySubmit') this.#submit(step)
    else if (step.does === 'settle') this.#settle(step.nth, step.fails)
    else if (step.does === 'advance') await clock.advance(10)
    else if (step.does === 'flush') void flow.flush()
    else this.#takeLetters()
    await settled()
    this.#check()
  }

  #submit({ does, keyed, key, bytes }: Arrival): void {
    const { flow } = this.#used
    const isKeyed = keyed && this.#setup.hasKeys
    const table = isKeyed ? updated : users
    const row = { id: isKeyed ? key : this.#submitted, name: 'x'.repeat(bytes), email: null }
    this.#submitted++
    const accept = () => {
      this.#accepted++
      if (!isKeyed && !this.#settled.has(row)) this.#held.add(row)
    }
    const refuse = () => void this.#refused++
    if (does === 'submit') {
      flow.submit(table, row).then(accept, (error) => {
        assert.instance(error, FullError)
        assert.is(this.#setup.overflow, 'reject')
        refuse()
      })
    } else if (flow.trySubmit(table, row)) accept()
    else refuse()
  }

  #end(rows: readonly object[]): void {
    for (const row of rows) {
      this.#held.delete(row)
      this.#settled.add(row)
    }
  }

  #settle(nth: number, fails: boolean): void {
    const { running } = this
    if (running.length === 0) return
    const run = running[nth % running.length]!
    this.#done.add(run)
    if (fails) run.fail(new MemoryError('constraint'))
    else {
      this.#end(run.rows)
      run.succeed()
    }
  }

  get running(): Run[] {
    return this.#used.driver.runs.filter((run) => !this.#done.has(run))
  }

  #records(status?: 'success' | 'fail'): number {
    const records = this.#reporter.of('countRecords').filter(([of]) => status === undefined || of === status)
    return records.reduce((sum, [, rows]) => sum + (rows as number), 0)
  }

  #check(): void {
    const unsettled = this.#accepted - this.#records()
    assert.ok(unsettled >= 0 && unsettled <= this.#limit.rows, `${unsettled} rows of ${this.#limit.rows}`)
    if (!this.#setup.hasKeys) assert.is(unsettled, this.#found(), 'every accepted row is somewhere')
    const held = bytesOf([...this.#held])
    if (this.#held.size > 1) assert.ok(held <= this.#limit.bytes, `${held} bytes of ${this.#limit.bytes}`)
    for (const { rows } of this.#used.driver.runs) {
      assert.ok(rows.length <= this.#setup.flushSize)
      if (rows.length > 1) assert.ok(bytesOf(rows) <= this.#setup.flushBytes, 'flushBytes')
    }
    const order = this.#used.driver.runs
      .filter(({ batch }) => batch.table.name === 'users')
      .flatMap(({ rows }) => ids(rows))
    assert.ok(
      order.every((id, i) => i === 0 || Number(id) > Number(order[i - 1])),
      'first in, first out',
    )
  }

  /** Rows that wait, are in flight, or are with the dead-letter handler. */
  #found(): number {
    const [probe] = this.#reporter.probes
    const queued = Array.from(probe!.queueLengths(), ([, rows]) => rows)
    const others = [...this.running, ...this.#handed].map(({ rows }) => rows.length)
    return [...queued, ...others].reduce((sum, rows) => sum + rows, 0)
  }

  async finish(): Promise<void> {
    let summary: CloseSummary | undefined
    void this.#used.flow.close({ timeout: Number.POSITIVE_INFINITY }).then((value) => (summary = value))
    for (let i = 0; i < 1000 && summary === undefined; i++) {
      this.#takeLetters()
      this.#settle(0, i % 3 === 0)
      await settled()
      this.#check()
    }
    assert.is(this.#accepted + this.#refused, this.#submitted, 'nobody waits any more')
    assert.equal([summary?.committed, summary?.failed], [this.#records('success'), this.#records('fail')])
    assert.is(this.#records(), this.#accepted)
  }
}

function bytesOf(rows: readonly object[]): number {
  return rows.reduce((sum: number, row) => sum + sizeOf(row, users.columns), 0)
}

test('what was accepted is accounted for at every step, and never more than there is room for', async () => {
  const property = fc.asyncProperty(setups, fc.array(step, { maxLength: 60, size: 'max' }), async (setup, steps) => {
    const round = new Round(setup)
    for (const step of steps) await round.take(step)
    await round.finish()
  })
  await fc.assert(property, { numRuns: Number(process.env['FUZZ_ROUNDS'] ?? 500), includeErrorInReport: true })
})

test.run()
