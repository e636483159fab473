/** The views in which every query is put to the world, and the tests that come of it. */
import { OUTAGES } from '../../../grafana/annotations.ts'
import { SECTIONS } from '../../../grafana/dashboard.ts'
import { nativeQuery } from '../../../grafana/native.ts'
import { METRICS, prometheusName } from '../../../src/telemetry/metrics/catalogue.ts'
import { filledQuery, type Variables } from '../../support/grafana.ts'
import {
  answerTest,
  type ExprTest,
  type Labels,
  seriesText,
  type TestGroup,
} from '../../support/promtool/unit-tests.ts'
import { ANSWERS } from './answers.ts'
import { Eye, type Vector } from './eye.ts'
import { inputSeries } from './world.ts'

const NARROW: Readonly<Record<string, readonly string[]>> = {
  job: ['app', 'web'],
  instance: ['i1', 'i2', 'i3'],
  database: ['postgres', 'mysql'],
  table: ['users', 'or&ders#1+2.x'],
  test_name: ['t1'],
}
const ALL: Readonly<Record<string, string>> = {
  job: '.+',
  instance: '.*',
  database: '.*',
  table: '.*',
  test_name: '.*',
}
const WINDOWS = { __rate_interval: '5m', __range: '20m' }

const PLACE = { job: 'app', instance: 'i1', database: 'postgres' } as const

interface View {
  readonly name: string
  readonly time: string
  readonly variables: Variables
  readonly eye: Eye
}

function chosen(labels: Labels, values = NARROW): boolean {
  return Object.entries(values).every(([name, values]) => {
    return !(name in labels || ['job', 'instance', 'test_name'].includes(name)) || values.includes(labels[name] ?? '')
  })
}

const variablesOf = (values: typeof NARROW): Variables =>
  Object.fromEntries(Object.entries(values).map(([name, chosen]) => [name, { values: chosen }]))

const narrow = variablesOf(NARROW)
/** One service, where next to nothing happens, and no error. */
const QUIET = { ...NARROW, job: ['web'] }
const quiet = variablesOf(QUIET)
const EVERYTHING: Variables = Object.fromEntries(Object.entries(ALL).map(([name, value]) => [name, { all: value }]))

const VIEWS: readonly View[] = [
  { name: 'narrow', time: '30m', variables: narrow, eye: new Eye((labels) => chosen(labels), false) },
  { name: 'all', time: '30m', variables: EVERYTHING, eye: new Eye(() => true, false) },
  { name: 'idle', time: '15m', variables: narrow, eye: new Eye((labels) => chosen(labels), true) },
  { name: 'all idle', time: '15m', variables: EVERYTHING, eye: new Eye(() => true, true) },
  { name: 'quiet', time: '30m', variables: quiet, eye: new Eye((labels) => chosen(labels, QUIET), false) },
  { name: 'quiet and idle', time: '15m', variables: quiet, eye: new Eye((labels) => chosen(labels, QUIET), true) },
]

/** A query of a panel, and its number there. */
export interface Asked {
  readonly title: string
  readonly index: number
  readonly expr: string
}

export const ASKED: readonly Asked[] = [
  ...SECTIONS.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) => queries.map(({ expr }, index) => ({ title: title.en, index, expr }))),
  ),
  { title: 'Outages', index: 0, expr: OUTAGES },
]

/** Tables whose last row was settled just before, and just after, the moment that is asked for; a value every 5 seconds. */
const MOMENT = [15, 35, 60].map((seconds) => ({ seconds, table: `settled ${seconds} s ago` }))

/** A finer world for what looks back by seconds: standing still is what was settled last over 30 seconds ago. */
const FINE: TestGroup = {
  name: 'golden, by seconds',
  interval: '5s',
  input_series: MOMENT.flatMap(({ seconds, table }) => {
    const labels = { ...PLACE, table }
    const steps = seconds / 5
    return [
      { series: seriesText(prometheusName(METRICS.oldestRecordAge), labels), values: '100x60' },
      { series: seriesText(prometheusName(METRICS.records), labels), values: `7x${59 - steps} 8x${steps}` },
    ]
  }),
}

/** Groups of tests for promtool: that each query answers in each view what it should. */
export function groupsOf(all: readonly Asked[]): readonly TestGroup[] {
  return [
    {
      name: 'golden',
      interval: '1m',
      input_series: inputSeries(),
      promql_expr_test: all.flatMap((asked) => testsOf(asked)),
    },
    { ...FINE, promql_expr_test: all.flatMap(fineTestsOf) },
  ]
}

/** As `ASKED`, of native histograms. */
export const ASKED_NATIVE: readonly Asked[] = ASKED.map(({ expr, ...rest }) => ({ ...rest, expr: nativeQuery(expr) }))

/** The native dashboard's queries, put to the same world. What answers a histogram is asked for its count. */
export function nativeGroup(): TestGroup {
  const tests = ASKED_NATIVE.flatMap((asked) => {
    if (!HEATMAPS.has(asked.title)) return testsOf(asked)
    return testsOf({ ...asked, expr: `histogram_count(${asked.expr})` }, (vector) => vector.total())
  })
  return { name: 'golden, native', interval: '1m', input_series: inputSeries('native'), promql_expr_test: tests }
}

const HEATMAPS: ReadonlySet<string> = new Set(
  SECTIONS.flatMap(({ panels }) => panels.filter(({ kind }) => kind === 'heatmap').map(({ title }) => title.en)),
)

/** Of the three tables two stand still. */
export function fineTestsOf({ title, expr }: Asked): readonly ExprTest[] {
  if (title !== 'Tables that stand still') return []
  return [answerTest(filledQuery(expr, EVERYTHING, WINDOWS), '5m', { '{}': 2 })]
}

/** That the query, or one put in its place, answers in each view what it should. A quantile of nothing is no number. */
export function testsOf({ title, index, expr }: Asked, of = (vector: Vector) => vector): readonly ExprTest[] {
  const answer = ANSWERS[title]?.[index]
  if (answer === undefined) throw new Error(`no answer is known to ${title} [${index}]`)
  return VIEWS.flatMap(({ time, variables, eye }) => {
    const vector = answer(eye)
    if (vector === undefined || vector.points.some(({ value }) => Number.isNaN(value))) return []
    return [answerTest(filledQuery(expr, variables, WINDOWS), time, of(vector).expected())]
  })
}
