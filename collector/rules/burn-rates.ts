/** Alerts on objectives: they fire by how fast a month's budget of failures is used up. */
import { failedRatio, slowRatio, type Window } from './recording.ts'
import type { Alert, Group } from './rule.ts'
import { BURN_RATES, OBJECTIVES } from './thresholds.ts'

type Ratio = (window: Window) => string
interface Burn {
  readonly rate: number
  readonly long: Window
  readonly short: Window
}

/** @param budget the share that may be bad */
function burning(ratio: Ratio, budget: number, rates: readonly Burn[]): string {
  return rates
    .map(({ rate, long, short }) => {
      const limit = Number((rate * budget).toPrecision(6))
      return `(\n  ${ratio(long)} > ${limit}\n  and\n  ${ratio(short)} > ${limit}\n)`
    })
    .join('\nor\n')
}

const TABLE = 'table {{ $labels.table }} ({{ $labels.database }}) in {{ $labels.job }}'
const FAILED = `{{ $value | humanizePercentage }} of the rows of ${TABLE} are not committed, where ${percent(1 - OBJECTIVES.committed)} may fail`
const SLOW = `{{ $value | humanizePercentage }} of the batches of ${TABLE} are not settled within ${OBJECTIVES.latency.seconds} s, where ${percent(1 - OBJECTIVES.latency.share)} may take longer`

function fast(alert: string, ratio: Ratio, budget: number, summary: string, what: string): Alert {
  const expr = burning(ratio, budget, BURN_RATES.fast)
  const description = `${what}. At this rate a month's budget is gone within days.`
  return { alert, expr, for: '2m', severity: 'critical', summary, description }
}

function slow(alert: string, ratio: Ratio, budget: number, summary: string, what: string): Alert {
  const expr = burning(ratio, budget, BURN_RATES.slow)
  const description = `${what}. At this rate the budget does not last the month.`
  return { alert, expr, for: '15m', severity: 'warning', summary, description }
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))}%`
}

const committed = [failedRatio, 1 - OBJECTIVES.committed, 'Rows of {{ $labels.table }} fail too often', FAILED] as const
const latency = [slowRatio, 1 - OBJECTIVES.latency.share, 'Batches of {{ $labels.table }} take too long', SLOW] as const

export const burnRates: Group = {
  name: 'batchflow-burn-rates',
  rules: [
    fast('BatchflowCommitBudgetBurnsFast', ...committed),
    slow('BatchflowCommitBudgetBurns', ...committed),
    fast('BatchflowLatencyBudgetBurnsFast', ...latency),
    slow('BatchflowLatencyBudgetBurns', ...latency),
  ],
}
