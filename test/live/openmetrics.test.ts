/** The pages, and pages broken on purpose, before a real Prometheus: it drops the whole target over one bad line. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { negotiate } from '../../src/prometheus/negotiate.ts'
import { everyKind, SPAN_ID, TRACE_ID } from '../support/prometheus/metrics-page.ts'
import { Prometheus, type TargetState, until } from '../support/prometheus/prometheus.ts'

const rig = everyKind()
const page = await rig.exporter.page('openmetrics')
const text = await rig.exporter.page('text')

const UNIT = '# UNIT batchflow_execute_duration_seconds'

/** What Prometheus answers by dropping the target, and why. */
const FATAL: Record<string, { page: string; error: RegExp }> = {
  'a unit the name does not end with': {
    page: page.replace(`${UNIT} seconds`, `${UNIT} s`),
    error: /unit ("s" )?not a suffix of metric/,
  },
  'a unit where the name has none': {
    page: page.replace('# HELP batchflow_batch_size', '# UNIT batchflow_batch_size rows\n# HELP batchflow_batch_size'),
    error: /unit ("rows" )?not a suffix of metric/,
  },
  'a blank line between families': {
    page: page.replace('# TYPE app_level', '\n$&'),
    error: /(expected|not) a valid start token/,
  },
  'a comment': { page: page.replace('# EOF', '# end\n# EOF'), error: /(expected|not) a valid start token/ },
  'no end mark': { page: page.replace('# EOF\n', ''), error: /does not end with # EOF/ },
  'something behind the end mark': { page: `${page}late 1\n`, error: /unexpected data after # EOF/ },
  'a type of the text format': {
    page: page.replace('app_level gauge', 'app_level untyped'),
    error: /invalid metric type/,
  },
  'lines that end as in DOS': { page: page.replaceAll('\n', '\r\n'), error: /invalid metric type/ },
  'a quote in a label that is not escaped': {
    page: page.replace('a\\"b', 'a"b'),
    error: /expected comma/,
  },
  'a line feed in a label that is not escaped': {
    page: page.replace('c\\nd"', 'c\nd"'),
    error: /expected label value/,
  },
  'a label that begins with a digit': { page: page.replace('key_1st=', '1st='), error: /expected label name/ },
  'a label that is there twice': { page: page.replace('a_b="1;2"', 'a_b="1",a_b="2"'), error: /is not unique/ },
  'an exemplar whose timestamp is no number': {
    page: page.replace(/(\} 0\.25) \S+\n/, '$1 nope\n'),
    error: /unsupported character in float/,
  },
}

/** What Prometheus takes, but its exemplars it does not take, or takes wrongly. */
const USELESS: Record<string, string> = {
  'exemplar labels of more than 128 characters': page.replaceAll(TRACE_ID, TRACE_ID.repeat(4)),
  'exemplar timestamps in milliseconds': page.replaceAll(
    /(\{trace_id.* )(\S+)\n/g,
    (_, line, t) => `${line}${t * 1000}\n`,
  ),
}

const served = new Map([
  ['ours in OpenMetrics', { body: page, type: negotiate('application/openmetrics-text').contentType }],
  ['ours in text', { body: text, type: negotiate().contentType }],
])
for (const [name, body] of brokenPages()) {
  served.set(name, { body, type: negotiate('application/openmetrics-text').contentType })
}

function brokenPages(): [string, string][] {
  const fatal = Object.entries(FATAL).map(([name, { page }]) => [name, page] as [string, string])
  return [...fatal, ...Object.entries(USELESS)]
}

interface Stage {
  readonly server: Server
  readonly prometheus: Prometheus
  readonly targets: ReadonlyMap<string, TargetState>
}

async function setStage(): Promise<Stage | undefined> {
  const server = createServer((request, response) => {
    const { body, type } = served.get(decodeURIComponent(request.url!.slice(1)))!
    response.writeHead(200, { 'content-type': type }).end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const pages = [...served.keys()].map((job) => ({ job, address, path: `/${job}` }))
  const { port } = await rig.exporter.listening()
  const prometheus = await Prometheus.start([...pages, { job: 'the endpoint', address: `127.0.0.1:${port}` }])
  if (prometheus === undefined) {
    server.close()
    return undefined
  }
  return { server, prometheus, targets: await prometheus.targets() }
}

async function strike({ server, prometheus }: Stage): Promise<void> {
  await prometheus.stop()
  await rig.exporter.shutdown()
  server.close()
  server.closeAllConnections()
}

function openMetricsTests(stage: Stage) {
  const { prometheus, targets } = stage
  const test = suite('OpenMetrics before Prometheus')
  for (const job of ['ours in OpenMetrics', 'ours in text', 'the endpoint']) {
    test(`accepted: ${job}`, () => assert.equal(targets.get(job), { job, health: 'up', error: '' }))
  }
  for (const [job, { page: broken, error }] of Object.entries(FATAL)) {
    test(`refused: ${job}`, () => {
      assert.is.not(broken, page)
      assert.is(targets.get(job)?.health, 'down')
      assert.match(targets.get(job)!.error, error)
    })
  }

  test('both formats are the same series to it, the labels of buckets to the letter', async () => {
    const seriesOf = async (job: string) => {
      const found = await until(`the series of "${job}" are there`, async () => {
        const all = await prometheus.series(`{job="${job}",__name__!~"up|scrape_.*"}`)
        return all.length > 0 && all
      })
      return found.map(({ job: _, ...labels }) => JSON.stringify(Object.entries(labels).sort())).sort()
    }
    const [openmetrics, plain] = [await seriesOf('ours in OpenMetrics'), await seriesOf('ours in text')]
    assert.equal(openmetrics, plain)
    const bounds = (labels: string) => /"le","([^"]*)"/.exec(labels)?.[1]
    const stored = new Set(openmetrics.map(bounds).filter((bound) => bound !== undefined))
    const written = new Set(Array.from(page.matchAll(/\ble="([^"]*)"/g), ([, bound]) => bound))
    assert.equal([...stored].sort(), [...written].sort())
  })

  /** Ids and value of each exemplar by job, the timestamps in seconds. */
  const exemplarsOf = async (job: string) => {
    const series = await prometheus.exemplars(`batchflow_execute_duration_seconds_bucket{job="${job}"}`)
    return series.flatMap(({ exemplars }) => exemplars)
  }

  test('it asks the endpoint for OpenMetrics, and stores the exemplars', async () => {
    const stored = await until('exemplars are stored', async () => {
      const exemplars = await exemplarsOf('the endpoint')
      return exemplars.length === 2 && exemplars
    })
    for (const { labels, timestamp } of stored) {
      assert.equal(labels, { trace_id: TRACE_ID, span_id: SPAN_ID })
      assert.ok(Math.abs(timestamp - Date.now() / 1000) < 3600, String(timestamp))
    }
    assert.equal(stored.map(({ value }) => value).sort(), ['0.25', '100'])
    assert.equal(await exemplarsOf('ours in text'), [])
  })

  for (const [job, broken] of Object.entries(USELESS)) {
    test(`no use: ${job}`, async () => {
      assert.is.not(broken, page)
      assert.is(targets.get(job)?.health, 'up')
      assert.equal(await exemplarsOf(job), [])
    })
  }
  test.after(() => strike(stage))
  test.run()
}

const stage = await setStage()
if (stage === undefined) await rig.exporter.shutdown()
else openMetricsTests(stage)
