import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  labelsOf,
  metricName,
  renderBound,
  renderBounds,
  renderHelp,
  renderLabels,
  renderNumber,
  withLabel,
} from '../../src/prometheus/text-format.ts'

test('metric names keep letters, digits and single underscores', () => {
  assert.is(metricName('batchflow.execute.duration.seconds'), 'batchflow_execute_duration_seconds')
  assert.is(metricName('a.-/ü b'), 'a_b')
  assert.is(metricName('a.'), 'a_')
  assert.is(metricName('2xx'), '_2xx')
  assert.is(metricName('http2'), 'http2')
  for (const nothing of ['', '_', '...', 'ß']) assert.is(metricName(nothing), undefined)
})

test('labels come in order, own ones last and prevailing', () => {
  const labels = labelsOf(
    { z: '1', 'otel.scope.name': 'mine', gone: undefined },
    labelsOf({ 'otel.scope.name': 'app', le: '1.0' }),
  )
  assert.is(renderLabels(labels), '{z="1",otel_scope_name="app",le="1.0"}')
  assert.is(renderLabels(labelsOf({})), '')
})

test('one more label comes last', () => {
  assert.is(withLabel(renderLabels(labelsOf({ a: '}' })), 'le', '1.0'), '{a="}",le="1.0"}')
  assert.is(withLabel('', 'le', '1.0'), '{le="1.0"}')
})

test('a label begins with a letter', () => {
  assert.is(renderLabels(labelsOf({ '1st': '1', h2: '2' })), '{key_1st="1",h2="2"}')
})

test('a value of nothing but marks is escaped, too', () => {
  assert.is(renderLabels(labelsOf({ a: '"\\\n' })), '{a="\\"\\\\\\n"}')
})

test('attributes that would get the same label are joined', () => {
  assert.is(renderLabels(labelsOf({ 'a.b': '1', a_b: '2', 'a-b': '3' })), '{a_b="1;2;3"}')
})

test('values that are not strings are JSON', () => {
  assert.is(renderLabels(labelsOf({ n: 1.5, b: true, l: ['x', 'y'] })), '{n="1.5",b="true",l="[\\"x\\",\\"y\\"]"}')
})

/** As the Prometheus lexers read a label: no reference of ours, only the grammar of both formats. */
const LABELS = /^\{([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))+\}$/

test('whatever an attribute is, its label is well-formed, unique, and can be read back', () => {
  const attributes = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), {
    minKeys: 1,
    maxKeys: 4,
  })
  fc.assert(
    fc.property(attributes, (wild) => {
      const labels = labelsOf(wild)
      const text = renderLabels(labels)
      assert.match(text, LABELS)
      const read = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, unescaped(value!)])
      assert.equal(read, [...labels])
    }),
  )
})

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}

test('numbers are what Go parses', () => {
  const numbers = [0, -2, 0.1, 1e21, 5e-324, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
  assert.equal(numbers.map(renderNumber), ['0', '-2', '0.1', '1e+21', '5e-324', '+Inf', '-Inf', 'NaN'])
})

test('bounds are what Prometheus 3 stores', () => {
  const expected: [number, string][] = [
    [0, '0.0'],
    [1, '1.0'],
    [-5, '-5.0'],
    [0.0005, '0.0005'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.000025, '2.5e-05'],
    [65.536, '65.536'],
    [32768, '32768.0'],
    [999999, '999999.0'],
    [1e6, '1e+06'],
    [1234567, '1.234567e+06'],
    [1e21, '1e+21'],
    [1e100, '1e+100'],
    [Number.POSITIVE_INFINITY, '+Inf'],
  ]
  assert.equal(
    expected.map(([bound]) => renderBound(bound)),
    expected.map(([, text]) => text),
  )
})

test('bounds of a histogram end with infinity', () => {
  const bounds = [0.5, 1]
  assert.equal(renderBounds(bounds), ['0.5', '1.0', '+Inf'])
  assert.is(renderBounds(bounds), renderBounds(bounds))
  assert.equal(renderBounds([]), ['+Inf'])
})

test('a bound is the same number when read back', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => Number(renderBound(x)) === x))
})

test('quotes in a help text are escaped in OpenMetrics only', () => {
  const help = 'a "b" \\ c\nd'
  assert.is(renderHelp(help, 'text'), 'a "b" \\\\ c\\nd')
  assert.is(renderHelp(help, 'openmetrics'), 'a \\"b\\" \\\\ c\\nd')
})

test.run()
