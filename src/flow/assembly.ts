import type { Executor } from '../executor/executor.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import { Lanes } from '../lanes/lanes.ts'
import { Limit } from '../support/limit.ts'
import { adapt } from './adaptive/adapt.ts'
import { DeadLetters } from './dead-letters.ts'
import { Dispatcher, type DispatchHost } from './dispatcher.ts'
import { Intake } from './intake.ts'
import { Lifecycle } from './lifecycle.ts'
import { Observers } from './observers.ts'
import type { FlowSettings } from './options.ts'
import { OutageLog } from './outage-log.ts'
import { Outcomes } from './outcomes.ts'
import { Overflow } from './overflow.ts'
import { recall } from './recall.ts'
import { Stats } from './stats.ts'

/** The part of a batch that is sent under pressure while others are about to make room. */
const WORTH_A_SLOT = 1 / 8

/** What a flow calls by itself. */
export interface Parts {
  readonly intake: Intake
  readonly lanes: Lanes
  readonly observers: Observers
  readonly dispatcher: Dispatcher
  readonly lifecycle: Lifecycle
  readonly stats: Stats
}

/**
 * Makes the parts of a flow and ties them together; they know each other only by what is handed over here.
 *
 * @param flow whose rows they are
 */
export function assemble(flow: object, executor: Executor, settings: FlowSettings): Parts {
  const buffer = new Limit(settings.bufferSize, settings.bufferBytes)
  const intake = new Intake(buffer, settings.overflow, {
    full: () => dispatcher.pump(),
    makeRoom: (held, first, wanted) => overflow.makeRoom(held, first, wanted),
  })
  const lanes = lanesOf(settings, { schedule: (lane) => dispatcher.schedule(lane), observers: () => observers })
  const adaptation = settings.adaptive && adapt(executor, settings, settings.adaptive, { intake, lanes })
  const observers = new Observers(executor, lanes, adaptation?.tuner)
  const deadLetters = new DeadLetters(settings.deadLetter, buffer, flow)
  const outcomes = new Outcomes(settings, lanes, deadLetters)
  const settled = (lane: Lane, batch: Batch, bytes?: number) => {
    lane.settled(batch, bytes)
    intake.release(batch.accepted, batch.bytes)
    if (intake.calm) lanes.settled(lane) // a lane that somebody waits for must not be dropped
    lifecycle.settled()
  }
  const host: DispatchHost = {
    get tracing() {
      return observers.tracing
    },
    underPressure: () => laneToRelieve({ intake, lanes, dispatcher }),
    deadLetter: (run) => deadLetters.take(run),
    settle: (lane, run, taken) => {
      outcomes.settle(lane, run, taken)
      const recalled = recall(lane, run.batch, outcomes)
      settled(lane, run.batch, run.bytes)
      if (recalled !== undefined) settled(lane, recalled)
    },
  }
  const dispatcher: Dispatcher = new Dispatcher(executor, settings.clock, host, adaptation)
  const overflow = new Overflow(buffer, { lanes, dispatcher, deadLetters, outcomes, settled })
  observers.start()
  const outages = new OutageLog(executor, settings.log, () => intake.outstanding)
  const lifecycle = new Lifecycle({ settings, intake, lanes, dispatcher, deadLetters, outcomes, observers, outages })
  const stats = new Stats({ intake, lanes, dispatcher, lifecycle, outcomes, slots: executor.slots })
  return { intake, lanes, observers, dispatcher, lifecycle, stats }
}

function lanesOf(
  settings: FlowSettings,
  { schedule, observers }: { schedule(lane: Lane): void; observers(): Observers },
): Lanes {
  let accepted = 0
  const limit = new Limit(settings.flushSize, settings.flushBytes)
  const age = settings.overflow === 'drop-oldest' ? () => accepted++ : undefined
  return new Lanes({ ...settings, limit, age, schedule }, observers)
}

/** The lane to relieve when the buffer is full: a few rows are not worth a slot while batches are about to make room. */
function laneToRelieve({
  intake,
  lanes,
  dispatcher,
}: Pick<Parts, 'intake' | 'lanes' | 'dispatcher'>): Lane | undefined {
  if (!intake.full) return undefined
  const lane = lanes.fullest()
  const worthIt = dispatcher.unsettled.size === 0 || (lane?.fill ?? 0) >= WORTH_A_SLOT
  return worthIt ? lane : undefined
}
