import * as assert from 'uvu/assert'
import { hub } from '../../../src/contract/hub.ts'
import type { MetricsReporter } from '../../../src/contract/metrics-reporter.ts'
import { ABORT_GRACE } from '../../../src/executor/attempt.ts'
import type { Executor } from '../../../src/executor/executor.ts'
import { BatchFlow, insideOf } from '../../../src/flow/batch-flow.ts'
import type { DeadLetter } from '../../../src/flow/dead-letters.ts'
import type { CloseSummary } from '../../../src/flow/outcomes.ts'
import { ManualClock, settled } from '../engine/clock.ts'
import { RecordingReporter } from '../engine/recording-reporter.ts'
import { FuzzCalls } from './calls.ts'
import { checkStats } from './checks.ts'
import { FuzzDriver } from './driver.ts'
import { brokenTracing, deadLetterHandler, executorFor } from './flow.ts'
import { type Call, FuzzLedger } from './ledger.ts'
import { Neighbour } from './neighbour.ts'
import { NEVER, type Setup, SIGNALS, type Step } from './steps.ts'

/** Who observes at the hub, as an instrumentation would. */
export const OBSERVER = {}

/** One round: a flow, all that happens to it, and what can be said of it at any time. */
export class FuzzRig {
  readonly clock = new ManualClock()
  readonly ledger = new FuzzLedger()
  readonly ownReporter = new RecordingReporter()
  readonly hubReporter = new RecordingReporter()
  readonly letters: DeadLetter[] = []
  readonly setup: Setup
  readonly driver: FuzzDriver
  readonly executor: Executor
  readonly flow: BatchFlow
  readonly calls: FuzzCalls
  /** Shares the executor, and with it slots and outages. */
  readonly neighbour: Neighbour
  readonly #abort = new AbortController()
  readonly #signals = Array.from({ length: SIGNALS }, () => new AbortController())
  /** A flow of an earlier round that failed may still be at the hub. */
  readonly #ofThisFlow: MetricsReporter = {
    open: (flow) => (flow.executor === this.executor.slots ? this.hubReporter.open(flow) : undefined),
  }
  #closing: Promise<CloseSummary> | undefined
  /** When `close()` must have returned, at the latest (ms). */
  #deadline = Number.POSITIVE_INFINITY
  #endings = 0

  constructor(setup: Setup) {
    const { flushSize, flushBytes, flushInterval, spare, spareBytes, overflow, latencySampling, deadLetters } = setup
    this.setup = setup
    this.driver = new FuzzDriver(this.clock, setup)
    this.executor = executorFor(this.driver, setup, this.ownReporter)
    this.neighbour = new Neighbour(this.executor, this.clock)
    const deadLetter = deadLetterHandler(deadLetters, this.letters)
    this.flow = new BatchFlow(this.executor, {
      clock: this.clock,
      flushSize,
      flushInterval,
      bufferSize: flushSize + spare,
      flushBytes,
      bufferBytes: flushBytes + spareBytes,
      overflow,
      adaptive: setup.adaptive && { flushSize: [1, flushSize] },
      latencySampling,
      signal: this.#abort.signal,
      ...(deadLetter !== undefined && { deadLetter }),
    })
    this.calls = new FuzzCalls(this.flow, this.ledger, (nth) => this.#signals[nth]!.signal)
  }

  /** @throws when a promise of the flow is broken */
  async take(step: Step): Promise<void> {
    await this.#act(step)
    this.#check()
  }

  async #act(step: Step): Promise<void> {
    const { calls } = this
    if (step.does === 'submit') calls.submit(step, step.row)
    else if (step.does === 'write') calls.write(step, step.row)
    else if (step.does === 'deliver') calls.deliver(step, step.row, step.insists)
    else if (step.does === 'writeMany') calls.writeMany(step, step.rows, step.source)
    else if (step.does === 'submitMany') calls.submitMany(step, step.rows, step.source, step.breaksAt)
    else if (step.does === 'trySubmit') calls.trySubmit(step.table, step.row)
    else if (step.does === 'resize') this.#resize(step.rows)
    else if (step.does === 'flush') this.ledger.track('flush', this.flow.flush())
    else if (step.does === 'end') this.#end(step.nth, step.ending)
    else if (step.does === 'plan') this.#plan(step.nth)
    else if (step.does === 'advance') await this.#advance(step.milliseconds)
    else if (step.does === 'abort') await this.#abortCalls(step.signal)
    else if (step.does === 'observe') this.#observe(step.reporter, step.tracing)
    else if (step.does === 'close') this.#close(step.timeout)
    else if (step.does === 'neighbour') this.neighbour.submit(step.key)
    else if (step.does === 'close neighbour') this.neighbour.close(step.timeout)
    else if (step.does === 'abort flow') this.#abort.abort(new Error('enough'))
    else await settled()
  }

  #resize(rows: number): void {
    const { adaptive, flushSize } = this.setup
    if (adaptive) insideOf(this.flow).lanes.resize(Math.min(rows, flushSize))
  }

  #end(nth: number, ending: Setup['endings'][number]): void {
    const { running } = this.driver
    if (running.length > 0) this.driver.end(running[nth % running.length]!, ending)
  }

  #plan(nth: number): void {
    const { plans } = this.driver
    if (plans.length > 0) plans.splice(nth % plans.length, 1)[0]!()
  }

  async #advance(milliseconds: number): Promise<void> {
    await this.clock.advance(milliseconds)
    if (this.clock.now() < this.#deadline) return
    // Rows given up are handed over batch by batch, in no time of this clock.
    for (let i = 0; i < this.ledger.rows.length && this.ledger.pending(isClose).length > 0; i++) await settled()
    assert.equal(this.ledger.pending(isClose), [], 'close() keeps to its timeout')
  }

  /** Whoever waits with the signal waits no longer; from now on a new one takes its place. */
  async #abortCalls(nth: number): Promise<void> {
    const { signal } = this.#signals[nth]!
    this.#signals[nth]!.abort()
    this.#signals[nth] = new AbortController()
    await settled()
    const waiting = this.ledger.pending((call) => call.signal === signal)
    assert.equal(waiting, [], 'a signal ends the wait of its calls')
  }

  #observe(reporter: boolean, tracing: boolean): void {
    const observer = {
      reporter: reporter ? this.#ofThisFlow : undefined,
      tracing: tracing ? brokenTracing : undefined,
    }
    if (reporter || tracing) hub.observe(OBSERVER, observer)
    else hub.unobserve(OBSERVER)
  }

  #close(asked: number): void {
    const timeout = this.setup.deadLetters === 'hang' ? Math.min(asked, 1000) : asked // or it would wait for ever
    const letters = this.setup.deadLetters === 'hang' ? 2 * ABORT_GRACE : ABORT_GRACE
    this.#deadline = Math.min(this.#deadline, this.clock.now() + timeout + letters)
    this.#closing ??= this.flow.close({ timeout })
    this.ledger.track('close', this.flow.close({ timeout }))
  }

  #check(): void {
    const { concurrencyLimit } = this.setup
    assert.equal([...this.driver.complaints, ...this.ledger.complaints], [])
    checkStats(this)
    this.neighbour.check()
    if (concurrencyLimit > 0) assert.ok(this.driver.awaited <= concurrencyLimit, 'the concurrency limit is kept')
  }

  /**
   * Lets the database answer until there is nothing to wait for, then closes the flow. Rows need no `close()` to be
   * settled, unless what keeps them is a handler that hangs, or an interval that never ends.
   */
  async finish(): Promise<CloseSummary> {
    const { deadLetters, flushInterval, silentEnd } = this.setup
    if (deadLetters !== 'hang') await this.#answerUntilSettled((call) => isPrompt(call, flushInterval))
    this.#close(silentEnd || deadLetters === 'hang' ? 50 : Number.POSITIVE_INFINITY)
    if (silentEnd) await this.#advance(50 + ABORT_GRACE)
    await this.#answerUntilSettled(() => true)
    this.neighbour.close(Number.POSITIVE_INFINITY)
    await this.#answerUntil(() => this.neighbour.isClosed)
    assert.ok(this.neighbour.isClosed, 'whoever shares the executor comes to an end as well')
    await this.#answerUntil(() => this.driver.running.length + this.driver.plans.length === 0)
    return this.#closing!
  }

  async #answerUntilSettled(isMeant: (call: Call) => boolean): Promise<void> {
    await this.#answerUntil(() => this.ledger.pending(isMeant).length === 0)
    assert.equal(this.ledger.pending(isMeant), [], 'every promise settles')
  }

  async #answerUntil(isDone: () => boolean): Promise<void> {
    const { endings } = this.setup
    await settled()
    for (let i = 0; i < MOST_ANSWERS; i++) {
      if (isDone()) await settled() // whoever is told of an end may hand over another row
      if (isDone()) return
      for (const plan of this.driver.plans.splice(0)) plan()
      for (const run of [...this.driver.running]) this.driver.end(run, endings[this.#endings++ % endings.length]!)
      await this.#advance(50)
      this.#check()
    }
    await settled()
  }
}

/** Rounds of answers, each 50 ms after the other. */
const MOST_ANSWERS = 2000

function isClose({ name }: Call): boolean {
  return name === 'close'
}

/** A call that needs no `close()` to be settled. */
function isPrompt(call: Call, flushInterval: number): boolean {
  if (call.name === 'flush' || call.name === 'submit') return true
  return flushInterval !== NEVER && !isClose(call)
}
