import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Labels, Sample } from './api.ts'
import { differences } from './compare.ts'
import { dashboardQuestions, filled, ruleQuestions } from './queries.ts'

function sample(labels: Labels, value = 1): Sample {
  return { labels: { table: 'users', ...labels }, value }
}

test('what is expected to differ does not count: instance, the text of whole bounds, the last digit of a sum', () => {
  const direct = [sample({ instance: 'a:9464', le: '1.0' }, 0.1 + 0.2), sample({ le: '+Inf' })]
  const pushed = [sample({ instance: '1', le: '1' }, 0.3), sample({ le: '+Inf' })]
  assert.equal(differences({ direct, exporter: direct, collector: direct, otlp: pushed }, true), [])
})

test('a series that is missing, one too many, another label and another value are told, each with its route', () => {
  const direct = [sample({}), sample({ status: 'fail' }, 3)]
  const renamed = [sample({}), { labels: { exported_table: 'users', status: 'fail' }, value: 3 }]
  const unequal = [sample({}), sample({ status: 'fail' }, 4)]
  assert.equal(differences({ direct, exporter: direct, collector: renamed, otlp: unequal }, true), [
    'collector lacks {"status":"fail","table":"users"}',
    'collector alone has {"exported_table":"users","status":"fail"}',
    'otlp has 4, not 3, for {"status":"fail","table":"users"}',
  ])
  assert.equal(differences({ direct, exporter: direct, collector: direct, otlp: unequal }, false), [])
})

test('every target of the dashboard is asked, with no variable left in it', () => {
  const questions = dashboardQuestions()
  assert.ok(questions.length > 50)
  assert.not(questions.some(({ expr }) => expr.includes('$')))
  assert.throws(() => filled('up{zone="$zone"}'), 'a variable is left in')
})

test('an alert is asked for what it looks at: series one by one, without thresholds', () => {
  const query =
    'sum by (a) (increase(batchflow_x{a="b"}[10m])) > 0 or batchflow_y > job_database_table:batchflow_z:rate5m'
  const rules = [
    { name: 'Broken', query, type: 'alerting', health: 'ok' },
    { name: 'job:x:rate5m', query: 'rate(x[5m])', type: 'recording', health: 'ok' },
  ] as const
  assert.equal(
    ruleQuestions(rules).map(({ expr }) => expr),
    ['batchflow_x{a="b"}', 'batchflow_y', 'job_database_table:batchflow_z:rate5m', 'job:x:rate5m'],
  )
})

test.run()
