/** Alerts on objectives: they fire by how fast a month's budget of failures is used up. */
import { failedCount, failedRatio, type LongWindow, slowCount, slowRatio, type Window } from './recording.ts'
import type { Alert, Group } from './rule.ts'
import { BURN_MINIMUM, BURN_RATES, OBJECTIVES } from './thresholds.ts'

interface Burn {
  readonly rate: number
  readonly long: LongWindow
  readonly short: Window
}

interface Budget {
  readonly ratio: (window: Window) => string
  /** The share that may be bad. */
  readonly budget: number
  /** How many were bad, and how many must have been. */
  readonly count: (window: LongWindow) => string
  readonly minimum: number
  readonly summary: string
  readonly what: string
}

function burning({ ratio, budget, count, minimum }: Budget, rates: readonly Burn[]): string {
  return rates
    .map(({ rate, long, short }) => {
      const limit = Number((rate * budget).toPrecision(6))
      const over = [`${ratio(long)} > ${limit}`, `${ratio(short)} > ${limit}`, `${count(long)} >= ${minimum}`]
      return `(\n  ${over.join('\n  and\n  ')}\n)`
    })
    .join('\nor\n')
}

const TABLE = 'table {{ $labels.table }} ({{ $labels.database }}) in {{ $labels.job }}'
const FAILED = `{{ $value | humanizePercentage }} of the rows of ${TABLE} are not committed, where ${percent(1 - OBJECTIVES.committed)} may fail`
const SLOW = `{{ $value | humanizePercentage }} of the batches of ${TABLE} are not settled within ${OBJECTIVES.latency.seconds} s, where ${percent(1 - OBJECTIVES.latency.share)} may take longer`

function fast(alert: string, budget: Budget): Alert {
  const expr = burning(budget, BURN_RATES.fast)
  const description = `${budget.what}. At this rate a month's budget is gone within days.`
  return { alert, expr, for: '2m', severity: 'critical', summary: budget.summary, description }
}

function slow(alert: string, budget: Budget): Alert {
  const expr = burning(budget, BURN_RATES.slow)
  const description = `${budget.what}. At this rate the budget does not last the month.`
  return { alert, expr, for: '15m', severity: 'warning', summary: budget.summary, description }
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))}%`
}

const committed: Budget = {
  ratio: failedRatio,
  budget: 1 - OBJECTIVES.committed,
  count: failedCount,
  minimum: BURN_MINIMUM.rows,
  summary: 'Rows of {{ $labels.table }} fail too often',
  what: FAILED,
}

const latency: Budget = {
  ratio: slowRatio,
  budget: 1 - OBJECTIVES.latency.share,
  count: slowCount,
  minimum: BURN_MINIMUM.batches,
  summary: 'Batches of {{ $labels.table }} take too long',
  what: SLOW,
}

export const burnRates: Group = {
  name: 'batchflow-burn-rates',
  rules: [
    fast('BatchflowCommitBudgetBurnsFast', committed),
    slow('BatchflowCommitBudgetBurns', committed),
    fast('BatchflowLatencyBudgetBurnsFast', latency),
    slow('BatchflowLatencyBudgetBurns', latency),
  ],
}
