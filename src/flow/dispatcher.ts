import { AsyncLocalStorage } from 'node:async_hooks'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { Reason } from '../contract/reasons.ts'
import type { BatchTrace, FlowTracing } from '../contract/tracing.ts'
import { BatchRun } from '../executor/batch-run.ts'
import type { Executor } from '../executor/executor.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import { Bag } from '../support/bag.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Clock } from '../support/clock.ts'
import { Queue } from '../support/queue.ts'
import type { Adaptation } from './adaptive/adapt.ts'
import type { SlotsOfFlow } from './adaptive/own-slots.ts'
import type { Flight, Tuner } from './adaptive/tuner.ts'
import { exitWatch } from './exit-watch.ts'

/** What the dispatcher asks of its flow. */
export interface DispatchHost {
  /** Who traces batches now. */
  readonly tracing: FlowTracing | undefined
  /** The lane to relieve, when the row budget is used up and no lane has anything due. */
  underPressure(): Lane | undefined
  /** What is done with rows that failed before they are settled: whether somebody took them. Never rejects. */
  deadLetter(run: BatchRun): boolean | Promise<boolean>
  /** Tells everybody who waits for rows of the batch, and makes room. */
  settle(lane: Lane, run: BatchRun, taken: boolean): void
}

/** Sends the batches of due lanes to the executor as slots allow, oldest lane first. */
export class Dispatcher {
  readonly #executor: Executor
  readonly #slots: SlotsOfFlow
  readonly #tuner: Tuner | undefined
  readonly #unwatch: (() => void) | undefined
  readonly #clock: Clock
  readonly #host: DispatchHost
  readonly #due = new Queue<Lane>()
  readonly #running = new Bag<BatchRun>()
  /** Batches that left their lane and are not settled. */
  readonly unsettled = new Bag<Batch>()
  /** Batches run in the context the flow was made in, never in that of whoever happened to submit the last row. */
  readonly inOwnContext = context.with(ROOT_CONTEXT, () => AsyncLocalStorage.snapshot())
  readonly #onFreeSlot = () => this.pump()
  #stopped: BatchFlowError | undefined
  #pumping = false

  /** @param adaptation whose slots it takes, and who learns from batches, where that is not the executor and nobody */
  constructor(executor: Executor, clock: Clock, host: DispatchHost, adaptation?: Adaptation) {
    this.#executor = executor
    this.#slots = adaptation?.slots ?? executor.slots
    this.#tuner = adaptation?.tuner
    this.#unwatch = adaptation?.unwatch
    this.#clock = clock
    this.#host = host
  }

  schedule(lane: Lane): void {
    if (!lane.scheduled) {
      lane.scheduled = true
      this.#due.push(lane)
    }
    this.pump()
  }

  /** Sends what may be sent now. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#sendNext());
    } finally {
      this.#pumping = false
    }
  }

  /** Cancels what runs and fails, from now on, whatever is due. */
  stop(error: BatchFlowError): void {
    this.#stopped ??= error
    for (const run of this.#running) run.stop(error)
    this.pump()
  }

  dispose(): void {
    this.#slots.forget(this.#onFreeSlot)
    this.#unwatch?.()
  }

  #sendNext(): boolean {
    const slots = this.#slots
    if (this.#stopped !== undefined) {
      if (this.#running.size > 0) return false // rows that are cut short keep their order
    } else if (!slots.free) {
      slots.whenFree(this.#onFreeSlot)
      return false
    }
    if (this.#due.size === 0) {
      const lane = this.#host.underPressure()
      if (lane === undefined) return false
      lane.flush('pressure')
    }
    const lane = this.#due.shift()!
    lane.scheduled = false
    const batch = lane.take()
    if (lane.due) this.schedule(lane)
    if (batch !== undefined) this.inOwnContext(() => void this.#run(lane, batch))
    return true
  }

  async #run(lane: Lane, batch: Batch): Promise<void> {
    const slots = this.#slots
    const { metrics } = batch
    const trace = startTrace(batch, this.#host.tracing)
    const run = new BatchRun(batch, this.#executor, this.#clock, trace)
    if (this.#stopped !== undefined) run.stop(this.#stopped)
    slots.take()
    const flight = this.#tuner?.begin()
    lane.executing++
    if (this.#running.size === 0) exitWatch.hold(this)
    this.#running.add(run)
    this.unsettled.add(batch)
    const start = metrics === undefined ? 0 : this.#clock.now()
    await run.execute()
    if (flight !== undefined) this.#learn(flight, run)
    if (metrics !== undefined) {
      const status = run.failures.size > 0 ? 'fail' : 'success'
      metrics.observeExecuteDuration((this.#clock.now() - start) / 1000, status, run.reason, trace?.context)
    }
    const { attempts, failures, ambiguous, reason } = run
    trace?.end({ attempts, failed: failures.size, ambiguous, reason })
    lane.executing--
    if (failures.size > 0 && this.#stopped === undefined) keep(lane, batch, failures)
    slots.release()
    let taken = false
    if (failures.size > 0) {
      const lost = firstLost(run)
      if (lost !== undefined) {
        metrics?.countError('final', lost)
        taken = await this.#host.deadLetter(run)
      }
    }
    this.#running.delete(run)
    this.unsettled.delete(batch)
    if (this.#running.size === 0) exitWatch.release(this)
    this.#host.settle(lane, run, taken)
    if (this.#stopped !== undefined) this.pump()
  }

  /** Before the slot is free, so that what is learned holds for the next batch. */
  #learn(flight: Flight, { batch, failures }: BatchRun): void {
    this.#tuner!.end(flight, batch, failures.size === 0 && batch.retried === 0)
  }
}

/** Whoever waits for rows that failed may keep them: to them it was an attempt. */
function keep(lane: Lane, batch: Batch, failures: BatchRun['failures']): void {
  batch.keep(failures)
  if (batch.keptFor === undefined) return
  batch.retried++
  batch.metrics?.countError('retry', batch.keptFor.reason)
  lane.kept(batch, batch.keptFor)
  batch.behind = lane.recall() // before a slot is free for them
}

/** Why rows failed for good, the first of them. */
function firstLost({ batch, failures, reason }: BatchRun): Reason | undefined {
  if (batch.kept === 0) return reason ?? 'unknown'
  for (const [index, error] of failures) if (batch.keptOf(index) < batch.weightOf(index)) return error.reason
  return undefined
}

function startTrace(batch: Batch, tracing: FlowTracing | undefined): BatchTrace | undefined {
  return tracing?.startBatch({
    table: batch.table.name,
    rows: batch.rows.length,
    accepted: batch.accepted,
    trigger: batch.trigger,
    origins: batch.origins?.contexts ?? [],
    orphans: batch.origins?.orphans ?? true,
    submitters: batch.submitters(),
  })
}
