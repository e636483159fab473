import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SECTIONS } from '../../grafana/dashboard.ts'
import { type MetricSpec, prometheusName } from '../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../src/telemetry/metrics/source-catalogue.ts'
import { findProgram, findTools } from '../monitoring/tools.ts'
import { run } from '../support/programs/program.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROMETHEUS = join(ROOT, 'collector/prometheus')
const RULES = ['recording.yml', 'alerts.yml'].map((file) => join(PROMETHEUS, 'rules', file))

const tools = findTools()
const promtool = tools?.promtool ?? findProgram('promtool')

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

if (tools !== undefined) {
  test('the Collector takes its configuration', () => {
    run(tools.otelcol, ['validate', '--config', join(ROOT, 'collector/collector.yaml')])
  })

  test('the Collector refuses a component it was not built with', () => {
    const config = ['validate', '--config', join(ROOT, 'collector/builder.yaml')]
    assert.throws(() => run(tools.otelcol, config), /has invalid keys|'.*' has invalid/)
  })

  test('Prometheus takes the configuration of every route', () => {
    const files = readdirSync(PROMETHEUS).filter((file) => file.endsWith('.yml'))
    assert.equal(files.sort(), ['collector.yml', 'compose.yml', 'direct.yml', 'otlp.yml'])
    run(tools.promtool, ['check', 'config', '--lint-fatal', ...files.map((file) => join(PROMETHEUS, file))])
  })
}

if (promtool !== undefined) {
  test('the rules are valid', () => {
    run(promtool, ['check', 'rules', '--lint-fatal', ...RULES])
    run(promtool, ['check', 'rules', '--lint-fatal', join(PROMETHEUS, 'rules-native/recording.yml')])
  })
}

const alerts = read('collector/prometheus/rules/alerts.yml')
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((text) => ({ name: text.split('\n', 1)[0] ?? '', text }))

test('the Chinese runbook has the sections of the English one, and names panels that are there', () => {
  const sectionsOf = (page: string) => [...read(page).matchAll(/^## (\w+)$/gm)].map(([, name]) => name)
  assert.equal(sectionsOf('docs/zh-CN/runbook.md'), sectionsOf('docs/runbook.md'))
  const titles = new Set(SECTIONS.flatMap(({ title, panels }) => [title.zh, ...panels.map((panel) => panel.title.zh)]))
  const named = [...read('docs/zh-CN/runbook.md').matchAll(/“(.+?)”/g)].map(([, name]) => name ?? '')
  assert.equal(
    named.filter((name) => !titles.has(name)),
    [],
  )
})

test('every alert has severity, summary, description, and a section in the runbook', () => {
  const sections = [...read('docs/runbook.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name)
  assert.equal(
    sections,
    alerts.map(({ name }) => name),
  )
  for (const { name, text } of alerts) {
    assert.match(name, /^Batch[Ff]low([A-Z][a-z0-9]+)+$/)
    assert.match(text, /severity: (warning|critical)\n/)
    assert.match(text, /summary: "\S/)
    assert.match(text, /description: >-\n/)
    assert.match(text, `runbook_url: docs/runbook.md#${name.toLowerCase()}\n`)
  }
})

test('rules ask only for series that exist', () => {
  const names = Object.values<MetricSpec>(ALL_METRICS).map(prometheusName)
  const recorded = [...read('collector/prometheus/rules/recording.yml').matchAll(/record: (\S+)/g)].map(
    ([, name]) => name,
  )
  const text = RULES.map((file) => readFileSync(file, 'utf8')).join('')
  const asked = [...text.matchAll(/(?:\w+:)?batchflow_\w+(?::\w+)?(?=[{[ )])/g)].map(([name]) => name)
  const unknown = asked.filter(
    (name) => !recorded.includes(name) && !names.includes(name.replace(/_(bucket|count)$/, '')),
  )
  assert.equal(unknown, [])
  assert.ok(asked.length > 15)
})

test('the manifest holds exactly the components that the configuration uses', () => {
  const config = read('collector/collector.yaml')
  const used = ['receivers', 'processors', 'exporters', 'extensions'].flatMap((kind) => {
    const [, block = ''] = config.match(new RegExp(`^${kind}:\n((?: {2}.*\n|\n)+)`, 'm')) ?? []
    return [...block.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => `${name}_${kind.slice(0, -1)}`)
  })
  const built = [...read('collector/builder.yaml').matchAll(/\/(\w+?)(receiver|processor|exporter|extension) v/g)]
  assert.equal(
    used.map((name) => name.replaceAll('_', '')).sort(),
    built.map(([, name, kind]) => `${name}${kind}`).sort(),
  )
})

test('one version of the Collector everywhere', () => {
  const version = read('collector/builder.yaml').match(/version: (\S+)/)?.[1]
  for (const file of ['collector/builder.yaml', 'collector/build.sh', 'collector/Dockerfile']) {
    const others = [...read(file).matchAll(/\bv0\.1\d\d\.\d+/g)].map(([found]) => found)
    assert.ok(others.length > 0)
    assert.equal([...new Set(others)], [`v${version}`], file)
  }
})

test.run()
