/** What was seen of one job, second by second: when the health row turned red, when alerts began and ended. */
import type { PrometheusApi } from '../api.ts'
import { HEALTH, redPanels } from './health.ts'

export interface Look {
  /** Seconds since the lock was taken. */
  readonly at: number
  readonly red: readonly string[]
  readonly alerts: readonly { readonly name: string; readonly table: string | undefined; readonly state: string }[]
}

export async function look(prometheus: PrometheusApi, job: string, since: number): Promise<Look> {
  const now = Date.now() / 1000
  const [red, alerts] = await Promise.all([redPanels(prometheus, job, now), prometheus.alerts()])
  const own = alerts.filter((alert) => alert.job === job)
  return { at: now - since, red, alerts: own.map(({ name, state, table }) => ({ name, state, table })) }
}

export interface Expectation {
  readonly event: string
  readonly at: number | undefined
  /** Seconds within which it must come; absent: it is told only. */
  readonly limit?: number
  /** What `limit` counts from. */
  readonly from: number
}

/** Within how many seconds: of the lock, and of its end. A page that is open is renewed every ten seconds. */
const LIMITS = { red: 50, firing: 120, end: 45 } as const
const ALERT = 'BatchflowStalled'

/** When what had to happen did. */
export function expectations(looks: readonly Look[], released: number): Expectation[] {
  const during = (is: (one: Look) => boolean) => looks.find((one) => one.at >= 0 && is(one))?.at
  const over = (is: (one: Look) => boolean) => {
    const last = looks.findLastIndex(is)
    return looks[last + 1]?.at
  }
  const red = (title: string) => (one: Look) => one.red.includes(title)
  // Others go on telling of the batches that were slow, for as long as they look back.
  const anyRed = ({ red: titles }: Look) => HEALTH.some((title) => titles.includes(title))
  const alert = (state: string) => (one: Look) => one.alerts.some((a) => a.name === ALERT && a.state === state)
  const any = ({ alerts }: Look) => alerts.some(({ state }) => state === 'firing')
  return [
    {
      event: 'health row red: Tables that stand still',
      at: during(red('Tables that stand still')),
      limit: LIMITS.red,
      from: 0,
    },
    { event: 'health row red: Oldest row', at: during(red('Oldest row')), limit: LIMITS.red, from: 0 },
    { event: `${ALERT} pending`, at: during(alert('pending')), from: 0 },
    { event: `${ALERT} firing`, at: during(alert('firing')), limit: LIMITS.firing, from: 0 },
    { event: 'health row: neither is red', at: over(anyRed), limit: LIMITS.end, from: released },
    { event: `${ALERT} ended`, at: over(alert('firing')), limit: LIMITS.end, from: released },
    { event: 'no alert fires', at: over(any), limit: LIMITS.end, from: released },
  ]
}

/** What was wrong: too late, never, or too early. */
export function wrongIn(job: string, looks: readonly Look[], released: number, healthy: readonly string[]): string[] {
  const late = expectations(looks, released).flatMap(({ event, at, limit, from }) => {
    if (limit === undefined) return []
    if (at === undefined) return [`${job}: never: ${event}`]
    return at - from <= limit && at >= from
      ? []
      : [`${job}: ${event} after ${(at - from).toFixed(0)} s, not within ${limit} s`]
  })
  const early = looks.filter(({ at, red, alerts }) => at < 0 && red.length + alerts.length > 0)
  const others = looks.flatMap(({ alerts }) => alerts.filter(({ table }) => healthy.includes(table ?? '')))
  return [
    ...late,
    ...early.map(({ red, alerts }) => `${job}: before the lock: ${[...red, ...alerts.map(({ name }) => name)].join()}`),
    ...others.map(({ name, table }) => `${job}: ${name} of ${table}, which goes on`),
  ]
}

export function timelineTable(job: string, looks: readonly Look[], released: number): string {
  const lines = expectations(looks, released).map(({ event, at, limit, from }) => {
    const seconds = at === undefined ? 'never' : (at - from).toFixed(0)
    const since = from === 0 ? 'after the lock' : 'after its end'
    return `  ${event.padEnd(46)} ${seconds.padStart(6)} s ${since}${limit === undefined ? '' : `, at most ${limit}`}`
  })
  const fired = [...new Set(looks.flatMap(({ alerts }) => alerts.map(({ name, state }) => `${name} ${state}`)))]
  return [`${job}:`, ...lines, `  alerts in all: ${fired.join(', ')}`].join('\n')
}
