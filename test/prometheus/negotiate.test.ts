import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { acceptsGzip, negotiate } from '../../src/prometheus/negotiate.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

function answers(accept: string | undefined, contentType: string): void {
  const format = contentType === TEXT ? 'text' : 'openmetrics'
  assert.equal(negotiate(accept), { format, contentType }, accept)
}

test('what Prometheus sends gets OpenMetrics', () => {
  const v3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
  answers(v3, OPENMETRICS)
  answers(
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    OPENMETRICS,
  )
  const protobuf = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7'
  answers(`${protobuf},${v3}`, OPENMETRICS)
})

test('the older version is answered by its number', () => {
  const old = 'application/openmetrics-text; version=0.0.1; charset=utf-8'
  answers('application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', old)
  answers('application/openmetrics-text;version=0.0.1;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8', old)
  answers(
    'application/openmetrics-text;version=0.0.1;q=0.8,application/openmetrics-text;version=1.0.0;q=0.9',
    OPENMETRICS,
  )
})

test('OpenMetrics without a version is 1.0, one we do not know is as if it were not there', () => {
  answers('application/openmetrics-text', OPENMETRICS)
  answers('application/openmetrics-text;version=2.0.0', TEXT)
  answers('application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1', OPENMETRICS)
})

test('the higher quality wins, and OpenMetrics where both are equal', () => {
  answers('application/openmetrics-text;q=0.4,text/plain;q=0.5', TEXT)
  answers('application/openmetrics-text;q=0.5,text/plain;q=0.5', OPENMETRICS)
  answers('text/plain, application/openmetrics-text', OPENMETRICS)
  answers('application/openmetrics-text;q=0.1,*/*;q=0.2', TEXT)
  answers('application/openmetrics-text;q=0.1,text/*;q=0.2,*/*;q=0.05', TEXT)
  answers('application/openmetrics-text;q=0.25,text/plain;q=0.1', OPENMETRICS)
  answers('application/openmetrics-text;q=1.00,text/plain;q=0.1', OPENMETRICS)
})

test('the most specific range decides about text', () => {
  answers('application/openmetrics-text;q=0.5,text/plain;q=0.1,*/*', OPENMETRICS)
  answers('application/openmetrics-text;q=0.5,text/plain;version=1.0.0;q=0.9,*/*;q=0.1', OPENMETRICS)
  answers('application/openmetrics-text;q=0.5,text/plain;q=0.9,text/plain;version=0.0.4;q=0.1', TEXT)
})

test('quality 0 means no', () => {
  answers('application/openmetrics-text;q=0,*/*;q=0.1', TEXT)
  answers('application/openmetrics-text;q=0', TEXT)
  answers('application/openmetrics-text;q=0.0, text/plain;q=0', TEXT)
})

test('who does not ask for OpenMetrics by name gets text', () => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/*',
    'text/html,application/xhtml+xml,*/*;q=0.8',
    'image/png',
  ]) {
    answers(accept, TEXT)
  }
})

test('case, blanks and quotes do not matter', () => {
  answers(' Application/OpenMetrics-Text ; Version="1.0.0" ; Q=0.9 , text/plain ; q=0.5 ', OPENMETRICS)
  answers('application/openmetrics-text; q = 0.1, text/plain; q = 0.5', TEXT)
})

test('quotes stand around all of a value', () => {
  answers('application/openmetrics-text;version=1."0.0"', TEXT)
  answers('application/openmetrics-text;version="1.0".0', TEXT)
})

test('a quality that is not one counts as 0', () => {
  for (const quality of ['1.5', '-1', 'high', '', 'NaN', '1e0']) {
    answers(`application/openmetrics-text;q=${quality},text/plain;q=0.1`, TEXT)
  }
})

test('nonsense gets text', () => {
  for (const accept of [',,,', ';;;', ';q=1', 'a/b;=;q', '/', 'application/openmetrics-text-not']) answers(accept, TEXT)
})

test('gzip is sent to whoever names it, or takes anything, and does not refuse it', () => {
  for (const taking of ['gzip', 'GZIP', 'deflate, gzip;q=0.5, br', '*', 'br, *;q=0.1']) {
    assert.is(acceptsGzip(taking), true, taking)
  }
  for (const not of [undefined, '', 'identity', 'br', 'gzip;q=0', '*, gzip;q=0', '*;q=0', 'x-gzip-not']) {
    assert.is(acceptsGzip(not), false, not)
  }
})

test.run()
