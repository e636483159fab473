import type { Outage } from '../contract/metrics-reporter.ts'
import type { Slots } from '../executor/concurrency-limit.ts'
import type { Lanes } from '../lanes/lanes.ts'
import { Tally } from '../lanes/tally.ts'
import { setField } from '../support/field.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Intake } from './intake.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Outcomes } from './outcomes.ts'

/** What became of the rows of one table since the flow was made. Rows that were merged into others count as themselves. */
export interface TableStats {
  /** Rows accepted and not yet handed to the executor. */
  readonly queued: number
  /** Rows the executor has and that are not settled. */
  readonly inFlight: number
  /** `queued` and `inFlight`. */
  readonly unsettled: number
  /** Rows accepted: `committed`, `failed`, `abandoned` and `unsettled` ones. */
  readonly accepted: number
  readonly committed: number
  /** Rows that failed for good, dead letters among them. */
  readonly failed: number
  /** Those of them that the `deadLetter` handler took. */
  readonly deadLettered: number
  /** Rows that `close()` gave up and returned, or that a worker over a log gave back to it. */
  readonly abandoned: number
  /** Committed rows that changed nothing: they were not newer than another one of their key (`onConflict.newer`). */
  readonly superseded: number
  /** Deletions that were carried out, whether there was such a row or not; those merged into others of their key are not counted. */
  readonly deleted: number
  /** Rows refused before they were accepted. */
  readonly rejected: number
  /** Attempts that were repeated. */
  readonly retried: number
  /** When a batch was last committed, in ms since the epoch; `undefined`: none since `stats()` was first called. */
  readonly lastCommitAt: number | undefined
}

/** A flow at one moment; a plain frozen object. */
export interface FlowStats extends TableStats {
  /** `paused`: rows are accepted, and wait for a database that is away. `closing`: after `close()` or an abort. */
  readonly state: 'open' | 'paused' | 'closing' | 'closed'
  /** Rows that would be accepted now without waiting. */
  readonly room: number
  /** About how much memory the rows take that are not settled. */
  readonly bytes: number
  /** Since when and why nothing can be written; `undefined`: it can, as far as is known. */
  readonly outage: Outage | undefined
  /** By table. Of a flow with more than 1,000 tables the longest idle ones may be missing; the sums have them. */
  readonly tables: Readonly<Record<string, TableStats>>
}

interface Parts {
  readonly intake: Intake
  readonly lanes: Lanes
  readonly dispatcher: Dispatcher
  readonly lifecycle: Lifecycle
  readonly outcomes: Outcomes
  readonly slots: Slots
}

interface Counted {
  queued: number
  /** Attempts repeated with batches that are not settled. */
  retried: number
  readonly tally: Tally
}

/** Adds up what the parts of a flow know; they count anyway, so a flow that nobody asks pays nothing for it. */
export class Stats {
  readonly #flow: Parts

  constructor(flow: Parts) {
    this.#flow = flow
  }

  take(): FlowStats {
    const { intake, lanes, outcomes, slots } = this.#flow
    outcomes.timed = true
    const byTable = this.#byTable()
    const total = { queued: 0, tally: lanes.total() }
    for (const { queued, retried } of byTable.values()) {
      total.queued += queued
      total.tally.retried += retried
    }
    const tables = {}
    for (const [table, counted] of byTable) setField(tables, table, Object.freeze(shown(counted)))
    return Object.freeze({
      state: this.#state(),
      ...shown(total),
      room: intake.open ? intake.room : 0,
      bytes: intake.outstandingBytes,
      outage: slots.outage,
      tables: Object.freeze(tables),
    })
  }

  /** Two definitions of one table are one table here. */
  #byTable(): Map<string, Counted> {
    const { lanes, dispatcher } = this.#flow
    const tables = new Map<string, Counted>()
    for (const { table, queued, tally } of lanes) {
      const entry = tables.get(table.name) ?? { queued: 0, retried: 0, tally: new Tally() }
      entry.queued += queued
      entry.tally.add(tally)
      tables.set(table.name, entry)
    }
    for (const { table, retried } of dispatcher.unsettled) {
      const entry = tables.get(table.name)
      if (entry === undefined) continue
      entry.retried += retried
      entry.tally.retried += retried
    }
    return tables
  }

  #state(): FlowStats['state'] {
    const { lifecycle, slots } = this.#flow
    return lifecycle.state === 'open' && slots.outage !== undefined ? 'paused' : lifecycle.state
  }
}

function shown({ queued, tally }: Pick<Counted, 'queued' | 'tally'>): TableStats {
  const { inFlight, committed, failed, deadLettered, abandoned, superseded, deleted, rejected, retried } = tally
  const unsettled = queued + inFlight
  const accepted = committed + failed + abandoned + unsettled
  return {
    queued,
    inFlight,
    unsettled,
    accepted,
    committed,
    failed,
    deadLettered,
    abandoned,
    superseded,
    deleted,
    rejected,
    retried,
    lastCommitAt: tally.lastCommitAt,
  }
}
