import type { BatchFlow } from './batch-flow.ts'
import type { FlowStats } from './stats.ts'

/** How one flow is. What the client said of an outage is left out: it may name hosts. */
export interface FlowHealth extends Omit<FlowStats, 'outage' | 'tables'> {
  /** It writes, or knows why it does not. */
  readonly live: boolean
  /** It accepts rows now. */
  readonly ready: boolean
  /** Why it is not live, not ready, or paused. */
  readonly why?: string
  readonly outage: Omit<NonNullable<FlowStats['outage']>, 'message'> | undefined
}

/** Looks at a flow from time to time, and tells one that waits from one that is stuck. */
export class HealthCheck {
  readonly #flow: Pick<BatchFlow, 'stats'>
  readonly #stuckAfter: number
  readonly #now: () => number
  /** Rows settled when it was last looked at while rows were not. */
  #settled = -1
  /** Since when that has been so (ms); `undefined`: it was not so. */
  #since: number | undefined

  /** @param stuckAfter ms */
  constructor(flow: Pick<BatchFlow, 'stats'>, stuckAfter: number, now: () => number = () => performance.now()) {
    this.#flow = flow
    this.#stuckAfter = stuckAfter
    this.#now = now
    this.look()
  }

  look(): FlowHealth {
    const { outage, tables, ...stats } = this.#flow.stats()
    const still = this.#stillFor(stats, outage !== undefined)
    const live = still < this.#stuckAfter
    const ready = (stats.state === 'open' || stats.state === 'paused') && stats.room > 0
    const why = live ? reasonOf(stats) : `nothing was settled for ${Math.floor(still / 1000)} s`
    return {
      live,
      ready,
      ...(why !== undefined && { why }),
      ...stats,
      outage: outage && { since: outage.since, reason: outage.reason, code: outage.code },
    }
  }

  /** For how long, in ms, the same rows have waited to be settled with none that was; as far as looks can tell. */
  #stillFor({ accepted, unsettled }: Pick<FlowStats, 'accepted' | 'unsettled'>, isExplained: boolean): number {
    const settled = accepted - unsettled
    if (unsettled === 0 || isExplained) this.#since = undefined
    else if (this.#since === undefined || settled !== this.#settled) this.#since = this.#now()
    this.#settled = settled
    return this.#since === undefined ? 0 : this.#now() - this.#since
  }
}

function reasonOf({ state, room }: Pick<FlowStats, 'state' | 'room'>): string | undefined {
  if (state === 'closing' || state === 'closed') return `the flow is ${state}`
  if (room === 0) return state === 'paused' ? 'the buffer is full, and the database is away' : 'the buffer is full'
  return state === 'paused' ? 'the database is away; rows are accepted and wait' : undefined
}
