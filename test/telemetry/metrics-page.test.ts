import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type MetricSpec, prometheusLabel, prometheusName } from '../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../src/telemetry/metrics/source-catalogue.ts'
import { metricTable, readPage, renewed } from '../support/docs/metric-table.ts'

const specs: readonly MetricSpec[] = Object.values(ALL_METRICS)
const page = readPage()
const queries = [...page.matchAll(/```promql\n(.+?)```/gs)].map(([, query]) => query!.trim())

test('the table in docs/metrics.md is that of the catalogue', () => {
  assert.is(page, renewed(page), 'run npx tsx test/support/docs/metric-table.ts')
  assert.throws(() => renewed('a page without markers'), 'docs/metrics.md needs the lines')
})

test('the table has one row per metric', () => {
  const rows = metricTable().split('\n').slice(2)
  assert.is(rows.length, specs.length)
  for (const [i, spec] of specs.entries()) assert.match(rows[i]!, `| \`${prometheusName(spec)}\` |`)
})

test('the page names only series and labels that exist', () => {
  const series = new Set(
    specs.flatMap((spec) => {
      const name = prometheusName(spec)
      return spec.kind === 'histogram' ? ['', '_bucket', '_sum', '_count'].map((part) => name + part) : [name]
    }),
  )
  const named = page.match(/\bbatchflow_[a-z_]+/g) ?? []
  assert.equal(
    named.filter((name) => !series.has(name)),
    [],
  )
  for (const label of new Set(specs.flatMap((spec) => spec.attributes.map(prometheusLabel)))) {
    assert.match(page, `\n| \`${label}\` |`, `${label} is explained`)
  }
})

if (spawnSync('promtool', ['--version']).error === undefined) {
  test('every query is PromQL', () => {
    assert.ok(queries.length > 0)
    const rules = queries.map((expr, i) => ({ record: `query:${i}`, expr }))
    const folder = mkdtempSync(join(tmpdir(), 'batchflow-queries-'))
    try {
      const file = join(folder, 'rules.json')
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'page', rules }] }))
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
      assert.is(status, 0, `${stdout}${stderr}`)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
} else {
  console.log('SKIPPED promtool: apt-get install prometheus')
}

test.run()
