import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type * as model from '@grafana/grafana-foundation-sdk/dashboard'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SECTIONS, unseen } from '../../grafana/dashboard.ts'
import { fileOf, LANGUAGES, stale } from '../../grafana/generate.ts'
import { TRACE_STORE } from '../../grafana/variables.ts'
import { METRICS, prometheusName } from '../../src/telemetry/metrics/catalogue.ts'
import { findProgram } from '../monitoring/tools.ts'
import { run } from '../support/programs/program.ts'

type Dashboard = Omit<model.Dashboard, 'panels'> & { readonly panels: readonly Panel[] }
type Panel = Omit<model.Panel, 'targets'> & {
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}

const [en, zh] = LANGUAGES.map((language) => JSON.parse(readFileSync(fileOf(language), 'utf8')) as Dashboard) as [
  Dashboard,
  Dashboard,
]
const specs = SECTIONS.flatMap(({ panels }) => panels)
const CHINESE = /\p{Script=Han}/u

test('what is committed is what the source makes', () => {
  assert.equal(stale(), [], 'run npx tsx grafana/generate.ts')
})

test('every metric of the catalogue is on a panel', () => {
  assert.equal(unseen(), [])
})

test('every panel has title, description and a unit that Grafana knows', () => {
  const known = new Set<unknown>(Object.values(units))
  for (const { title, description, unit, columns = [] } of specs) {
    assert.ok(title.en !== '' && description.en.length > 15, title.en)
    assert.match(title.zh, CHINESE)
    assert.match(description.zh, CHINESE)
    for (const id of [unit, ...columns.map((column) => column.unit)]) assert.ok(known.has(id), id)
  }
})

test('legends of the Chinese dashboard are Chinese, values of labels, or quantiles', () => {
  const graphs = specs.filter(({ kind }) => kind === 'lines' || kind === 'stack')
  for (const { title, queries } of graphs)
    for (const { legend } of queries) {
      const shown = typeof legend === 'string' ? legend : legend.zh
      assert.match(shown, /\p{Script=Han}|\{\{|^p\d+$|^(final|retry):/u, title.en)
    }
})

test('the panels that the guide names are there under its names', () => {
  const titles = zh.panels.map(({ title }) => title)
  for (const name of ['入队延迟', '攒批耗时', '执行耗时', '批大小分布', '队列长度', '执行并发度', '在途批次数']) {
    assert.ok(titles.includes(name), name)
  }
})

test('both languages ask the same', () => {
  const targets = ({ panels }: Dashboard) => panels.map(({ id, targets = [] }) => [id, targets.map(({ expr }) => expr)])
  assert.equal(targets(zh), targets(en))
  assert.is.not(zh.uid, en.uid)
})

test('the dashboard of native histograms has the same panels under another name', () => {
  for (const language of LANGUAGES) {
    const classic = language === 'en' ? en : zh
    const native = JSON.parse(readFileSync(fileOf(language, 'native'), 'utf8')) as Dashboard
    assert.equal(
      native.panels.map(({ id, title, gridPos }) => [id, title, gridPos]),
      classic.panels.map(({ id, title, gridPos }) => [id, title, gridPos]),
    )
    assert.is(native.uid, classic.uid?.replace('batchflow', 'batchflow-native'))
    assert.is.not(native.title, classic.title)
    assert.ok(native.links?.some(({ url }) => url === `/d/batchflow-native${language === 'en' ? '-zh' : ''}`))
    assert.not.match(JSON.stringify(native), /\/d\/batchflow(-zh)?[?"]/)
  }
})

test('panels lie side by side on the grid, none over another, in the order of the file', () => {
  const taken = new Set<string>()
  let last = -1
  for (const { title, gridPos } of en.panels) {
    assert.ok(gridPos !== undefined && gridPos.x + gridPos.w <= 24, title)
    assert.ok(gridPos.y * 24 + gridPos.x > last, title)
    last = gridPos.y * 24 + gridPos.x
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.not(taken.has(`${x} ${y}`), title)
        taken.add(`${x} ${y}`)
      }
  }
})

test('variables: several values at once, "All" by default, and a series without the label is not left out', () => {
  const all = { job: '.+', instance: '.*', database: '.*', table: '.*', test_name: '.*' }
  for (const { templating } of [en, zh]) {
    const variables = new Map(templating?.list?.map((variable) => [variable.name, variable]))
    assert.equal([...variables.keys()], ['datasource', ...Object.keys(all), 'service', 'traces'])
    for (const [name, allValue] of Object.entries(all)) {
      const { multi, includeAll, current, ...rest } = variables.get(name)!
      assert.equal([multi, includeAll, rest.allValue, current?.value], [true, true, allValue, ['$__all']])
    }
  }
})

test('thresholds of panels are those of the alerts', () => {
  const rules = readFileSync(new URL('../../collector/prometheus/rules/alerts.yml', import.meta.url), 'utf8')
  const red = (title: string) => specs.find((spec) => spec.title.en === title)?.steps?.at(-1)?.[0]
  for (const [title, alert] of [
    ['Execute P99', 'job_database_table:batchflow_execute_duration_seconds:p99_rate5m'],
    ['Tail: execute P99 by table', 'job_database_table:batchflow_execute_duration_seconds:p99_rate5m'],
    ['Attempts that were retried', 'job_database_table:batchflow_retries:ratio_rate5m'],
    ['Backpressure by table', 'job_database_table:batchflow_enqueue_latency_seconds:p95_rate5m'],
  ] as const) {
    assert.match(rules, `${alert} > ${red(title)}\n`)
  }
  assert.match(rules, `[2m])) > ${red('Oldest row by table')}\n`)
})

test('what is about a table keeps databases and services apart', () => {
  for (const { title, queries } of specs.filter(
    ({ title }) => /table/i.test(title.en) && title.en !== 'Tables that stand still',
  )) {
    for (const { expr } of queries) assert.match(expr, /by \((le, )?job, database, table[,)]/, title.en)
  }
})

test('outages are drawn over all panels, deployments if one wants them', () => {
  const list = en.annotations?.list ?? []
  assert.equal(
    list.map(({ name, enable }) => [name, enable]),
    [
      ['Outages', true],
      ['Deployments', false],
    ],
  )
})

test('links and switches are in sight at the top, not in a menu', () => {
  const top = [...(en.links ?? []), ...(en.annotations?.list ?? [])]
  assert.is(top.length, 4)
  for (const { placement } of top) assert.is(placement, undefined)
})

test('exemplars are asked for where there are some', () => {
  const withExemplars = specs.flatMap(({ queries }) => queries.filter(({ exemplars }) => exemplars))
  assert.ok(withExemplars.length >= 3)
  for (const { expr } of withExemplars) assert.match(expr, 'batchflow_execute_duration_seconds_bucket')
})

test('provisioning knows the trace store that the dashboards look for, and names only series that exist', () => {
  const file = new URL('../../grafana/provisioning/datasources/batchflow.yml', import.meta.url)
  const text = readFileSync(file, 'utf8')
  assert.match(text, `uid: ${TRACE_STORE}\n    type: jaeger`)
  assert.match(text, `name: trace_id\n          datasourceUid: ${TRACE_STORE}\n`)
  const series = Object.values(METRICS).map((metric) => prometheusName(metric))
  const named = [...text.matchAll(/batchflow_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''))
  assert.equal(
    named.filter((name) => !series.includes(name)),
    [],
  )
  assert.ok(named.length > 0)
})

const linter = findProgram('dashboard-linter')
if (linter === undefined) console.log('NOT TESTED with dashboard-linter: it is not in PATH')
else {
  test('the linter of the monitoring mixins has no complaint', () => {
    for (const language of LANGUAGES) run(linter, ['lint', '--strict', fileURLToPath(fileOf(language))])
  })
}

test.run()
