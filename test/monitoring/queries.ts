/** Everything that is asked: the guide's queries, every target of the dashboards, every rule; and which panel has exemplars. */
import { readFileSync } from 'node:fs'
import { fileOf } from '../../grafana/generate.ts'
import type { Rule } from './api.ts'
import { GUIDE_QUERIES } from './guide-queries.ts'

export interface Question {
  readonly source: 'guide' | 'dashboard' | 'recording' | 'alert'
  readonly title: string
  readonly expr: string
}

/** What Grafana would put in: every variable on "All". */
const VARIABLES: Readonly<Record<string, string>> = {
  $__rate_interval: '1m',
  $__range: '5m',
  $job: '.+',
  $instance: '.*',
  $database: '.*',
  $table: '.*',
  $test_name: '.*',
}

export function guideQuestions(): Question[] {
  return GUIDE_QUERIES.map(({ title, expr }) => ({ source: 'guide', title, expr }))
}

/** Every target of the committed dashboard; those of the other language are the same. */
export function dashboardQuestions(): Question[] {
  const { panels } = JSON.parse(readFileSync(fileOf('en'), 'utf8')) as { panels: Panel[] }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, refId }) => ({
      source: 'dashboard' as const,
      title: targets.length === 1 ? title : `${title} ${refId}`,
      expr: filled(expr),
    })),
  )
}

/** The first panel with a query of `metric` that asks for exemplars. */
export function panelOf(metric: string): { readonly title: string; readonly exprs: readonly string[] } {
  const { panels } = JSON.parse(readFileSync(fileOf('en'), 'utf8')) as { panels: Panel[] }
  for (const { title, targets = [] } of panels) {
    const exprs = targets.filter(({ exemplar, expr }) => exemplar === true && expr.includes(metric))
    if (exprs.length > 0) return { title, exprs: exprs.map(({ expr }) => filled(expr)) }
  }
  throw new Error(`no panel shows exemplars of ${metric}`)
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly refId: string; readonly exemplar?: boolean }[]
}

/** `expr` with every variable on "All", or as `chosen`. @throws when one is unknown */
export function filled(expr: string, chosen: Readonly<Record<string, string>> = {}): string {
  const result = Object.entries({ ...VARIABLES, ...chosen }).reduce(
    (text, [name, value]) => text.replaceAll(name, value),
    expr,
  )
  if (result.includes('$')) throw new Error(`a variable is left in ${result}`)
  return result
}

/** A rule as it is, or in the case of an alert what it looks at, since an alert that nothing raises has no result. */
export function ruleQuestions(rules: readonly Rule[]): Question[] {
  return rules.flatMap(({ name, query, type }): Question[] => {
    if (type === 'recording') return [{ source: 'recording', title: name, expr: name }]
    return selectors(query).map((expr, i) => ({ source: 'alert', title: `${name} [${i + 1}]`, expr }))
  })
}

/** The series that are asked for, each once; those of Prometheus itself exist where it scrapes only. */
function selectors(expr: string): string[] {
  const found = expr.matchAll(/(?:job_database_table:)?batchflow_\w+(?::\w+)?(?:{[^}]*})?/g)
  return [...new Set([...found].map(([text]) => text))]
}
