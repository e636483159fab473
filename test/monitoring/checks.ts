import { METRICS, prometheusName, prometheusType } from '../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../src/telemetry/metrics/source-catalogue.ts'
import type { PrometheusApi, Sample } from './api.ts'
import { type ByRoute, differences } from './compare.ts'
import type { Question } from './queries.ts'
import { ROUTES, type Route, type Routes } from './routes.ts'

export interface Answer {
  readonly question: Question
  readonly results: ByRoute<readonly Sample[]>
  /** What is wrong with it; empty when nothing is. */
  readonly problems: readonly string[]
}

/** Puts every question to every route, as of the same time. Which are the top ones may differ, each route being a little behind. */
export async function ask(routes: Routes, questions: readonly Question[], time: number): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const question of questions) {
    const results = await onEach(routes, (api) => api.query(question.expr, time))
    const silent = ROUTES.filter((route) => !results[route].some(({ value }) => Number.isFinite(value)))
    const unequal = question.expr.startsWith('topk(') ? [] : differences(results, false)
    const problems = [...silent.map((route) => `${route} has no data`), ...unequal]
    answers.push({ question, results, problems })
  }
  return answers
}

/** What this package asks has data, too, where names are translated for the Go library's guides. */
export async function checkTranslated({ guides }: Routes, questions: readonly Question[]): Promise<string[]> {
  const time = Date.now() / 1000 - 1
  const silent = questions.map(async ({ title, expr }) => {
    const samples = await guides.query(expr, time)
    return samples.some(({ value }) => Number.isFinite(value)) ? [] : [`${title}: no data where names are translated`]
  })
  return (await Promise.all(silent)).flat()
}

/** With the load over and everything sent, each series must be the same by each route, to the last digit. */
export async function checkSeries(
  routes: Routes,
  job: string,
  time: number,
): Promise<{ series: number; problems: string[] }> {
  const results = await onEach(routes, (api) => api.query(`{__name__=~"batchflow_.+", job="${job}"}`, time))
  const missing = Object.values(ALL_METRICS)
    .map((metric) => prometheusName(metric) + (prometheusType(metric) === 'histogram' ? '_bucket' : ''))
    .filter((name) => !results.direct.some(({ labels }) => labels['__name__'] === name))
    .map((name) => `the load made no ${name}`)
  return { series: results.direct.length, problems: [...missing, ...differences(results, true)] }
}

/** A dashboard's variables are filled from these. */
export async function checkVariables(routes: Routes): Promise<string[]> {
  const labels = ['job', 'instance', 'database', 'table', 'test_name']
  const values = await onEach(routes, (api) =>
    Promise.all(labels.map((label) => api.labelValues(label, prometheusName(METRICS.batches)))),
  )
  return ROUTES.flatMap((route) =>
    labels
      .filter((_, i) => values[route][i]?.length === 0)
      .map((label) => `${route} offers no value of the variable ${label}`),
  )
}

/** What the load does on purpose must raise these, and only these: the others take minutes of trouble. */
const FIRING = [
  'BatchflowDeadLetters',
  'BatchflowFinalFailures',
  'BatchflowSourceDeadLetters',
  'BatchflowSubmitsRejected',
]

export async function checkAlerts(routes: Routes, job: string): Promise<string[]> {
  const [rules, alerts] = [await onEach(routes, (api) => api.rules()), await onEach(routes, (api) => api.alerts())]
  return ROUTES.flatMap((route) => {
    const sick = rules[route].filter(({ health }) => health !== 'ok').map(({ name }) => `${route}: rule ${name} fails`)
    const firing = alerts[route]
      .filter((alert) => alert.state === 'firing' && alert.job === job)
      .map(({ name }) => name)
    const names = [...new Set(firing)].sort()
    const same = names.join() === FIRING.join()
    return same ? sick : [...sick, `${route}: firing are ${names.join(', ') || 'none'}, should be ${FIRING.join(', ')}`]
  })
}

/** Spans go through the Collector on their way to the trace store. */
export function checkTraces({ traces }: Routes, job: string): string[] {
  const names = new Set([...traces.spansOf(job).values()].map(({ name }) => name))
  console.log(`${traces.requests} requests with traces came out of the Collector`)
  const spans = ['POST /orders', 'batchflow.batch orders', 'COPY orders']
  return spans.filter((name) => !names.has(name)).map((name) => `no span ${name} came out of the Collector`)
}

async function onEach<T>({ api }: Routes, look: (api: PrometheusApi) => Promise<T>): Promise<ByRoute<T>> {
  const found = await Promise.all(ROUTES.map(async (route) => [route, await look(api[route])] as const))
  return Object.fromEntries(found) as Record<Route, T>
}
