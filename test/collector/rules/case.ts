/** Cases of the rules: series that are given, and what is firing at which time. */
import type { Rule } from '../../../collector/rules/rule.ts'
import { type MetricSpec, prometheusName } from '../../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../../src/telemetry/metrics/source-catalogue.ts'
import {
  answerTest,
  type ExprTest,
  type Labels,
  seriesText,
  type TestFile,
  type TestGroup,
} from '../../support/promtool/unit-tests.ts'

export interface Case {
  readonly name: string
  /** Time between two values of a series. */
  readonly interval: string
  /** How often rules are evaluated. @default 15s */
  readonly evaluation?: '15s' | '5m'
  /** Series and their values, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>
  readonly alert?: string
  readonly severity?: 'warning' | 'critical'
  /** The labels of whatever is firing, by time: of nothing, or of all there is. */
  readonly firing?: Readonly<Record<string, readonly Labels[]>>
  /** What the alert says, at a time. */
  readonly says?: {
    readonly at: string
    readonly labels: Labels
    readonly summary: string
    readonly description: string
  }
  /** What queries answer, by time and query; labels without the name, which is rounded away. */
  readonly answers?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>
}

export const USERS: Labels = { job: 'app', instance: 'a', database: 'postgres', table: 'users' }

/** A series of the metric for table users in one process, unless `labels` say otherwise. `null` leaves a label out. */
export function of(
  metric: keyof typeof ALL_METRICS,
  labels: Readonly<Record<string, string | null>> = {},
  suffix = '',
): string {
  const spec: MetricSpec = ALL_METRICS[metric]
  const base = spec.attributes.includes('table') ? USERS : { ...USERS, table: null }
  const all = Object.entries({ ...base, ...labels }).filter((entry): entry is [string, string] => entry[1] !== null)
  return seriesText(`${prometheusName(spec)}${suffix}`, Object.fromEntries(all))
}

export function without(labels: Labels, ...names: readonly string[]): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)))
}

export interface RuleUnderTest {
  readonly name: string
  readonly expr: string
  readonly json: object
}

/** Rules by what a case needs them for: as Prometheus reads them, in the order of their files. */
export function rulesUnderTest(rules: readonly Rule[]): readonly RuleUnderTest[] {
  return rules.map((rule) => {
    const { expr } = rule
    if ('record' in rule) return { name: rule.record, expr, json: { record: rule.record, expr } }
    const { alert, severity, summary, description } = rule
    const annotations = { summary, description, runbook_url: `docs/runbook.md#${alert.toLowerCase()}` }
    const wait = rule.for === undefined ? {} : { for: rule.for }
    return { name: alert, expr, json: { alert, expr, ...wait, labels: { severity }, annotations } }
  })
}

/** The cases as files for promtool: each with just the rules that its cases need, and one interval of evaluation. */
export function filesOf(cases: readonly Case[], rules: readonly RuleUnderTest[]): TestFile[] {
  const files = new Map<string, { needed: readonly RuleUnderTest[]; evaluation: string; tests: TestGroup[] }>()
  for (const one of cases) {
    const needed = neededBy(one, rules)
    const evaluation = one.evaluation ?? '15s'
    const key = [evaluation, ...needed.map(({ name }) => name)].join()
    const file = files.get(key) ?? { needed, evaluation, tests: [] }
    files.set(key, file)
    file.tests.push(groupOf(one))
  }
  return [...files.values()].map(({ needed, evaluation, tests }) => ({
    rules: needed.map(({ json }) => json),
    evaluation_interval: evaluation,
    tests,
  }))
}

/** What the case asks for, and what that rests on, which stands before it. */
export function neededBy({ alert, answers = {} }: Case, rules: readonly RuleUnderTest[]): readonly RuleUnderTest[] {
  const asked = [alert ?? '', ...Object.values(answers).flatMap((queries) => Object.keys(queries))]
  const needed: RuleUnderTest[] = []
  for (const rule of rules.toReversed()) {
    if (asked.includes(rule.name) || needed.some(({ expr }) => expr.includes(rule.name))) needed.unshift(rule)
  }
  return needed
}

function groupOf(one: Case): TestGroup {
  const answers = Object.entries(one.answers ?? {}).flatMap(([eval_time, queries]) =>
    Object.entries(queries).map(([expr, samples]) => answerTest(expr, eval_time, samples)),
  )
  return {
    name: one.name,
    interval: one.interval,
    input_series: Object.entries(one.series).map(([series, values]) => ({ series, values })),
    promql_expr_test: [...firingTests(one), ...answers],
    alert_rule_test: saysTests(one),
  }
}

function firingTests({ alert = '', severity = 'warning', firing = {} }: Case): ExprTest[] {
  return Object.entries(firing).map(([eval_time, sets]) => ({
    expr: `ALERTS{alertname="${alert}", alertstate="firing"}`,
    eval_time,
    exp_samples: sets.map((labels) => ({
      labels: seriesText('ALERTS', { alertname: alert, alertstate: 'firing', severity, ...labels }),
      value: 1,
    })),
  }))
}

function saysTests({ alert = '', severity = 'warning', says }: Case) {
  if (says === undefined) return []
  const { at, labels, summary, description } = says
  const runbook_url = `docs/runbook.md#${alert.toLowerCase()}`
  const exp_annotations = { summary, description, runbook_url }
  return [{ eval_time: at, alertname: alert, exp_alerts: [{ exp_labels: { severity, ...labels }, exp_annotations }] }]
}
