import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../monitoring/daemon.ts'
import { ROOT } from '../support/compose.ts'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { samplesOf } from '../support/prometheus/exposition.ts'
import { Prometheus } from '../support/prometheus/prometheus.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('recipes')

const children: ChildProcess[] = []
test.after.each(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
})

interface Program {
  readonly child: ChildProcess
  /** Resolves when the output shows it so many times. */
  says(pattern: RegExp, times?: number): Promise<RegExpMatchArray[]>
}

function start(main: string, env: Record<string, string>): Program {
  const child = spawn(process.execPath, ['--import', 'tsx', main], { cwd: ROOT, env: { ...process.env, ...env } })
  children.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const says = async (pattern: RegExp, times = 1) => {
    for (;;) {
      const found = [...output.matchAll(pattern)]
      if (found.length >= times) return found
      if (child.exitCode !== null) throw new Error(`ended without saying ${pattern}:\n${output}`)
      await sleep(10)
    }
  }
  return { child, says }
}

/** Committed rows and the process they are of. */
async function pageOf(url: string) {
  const samples = samplesOf(await (await fetch(url)).text())
  const rows = samples.filter(
    ({ name, labels }) => name === 'batchflow_records_total' && labels.includes('status="success"'),
  )
  const target = samples.find(({ name }) => name === 'target_info')
  const instance = target?.labels.find((label) => label.startsWith('service_instance_id='))
  return { rows: rows.map(({ value }) => Number(value)), instance: instance?.split('"')[1] }
}

test('prom-client and BatchFlow on one page, which Prometheus takes', async () => {
  const [port = 0] = await freePorts(1)
  const program = start('examples/recipes/prom-client.ts', { PORT: String(port) })
  await program.says(/listening/g)
  const samples = samplesOf(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  const numberOf = (name: string) => samples.find((sample) => sample.name === name)?.value
  assert.is(numberOf('requests_total'), '1')
  assert.ok(Number(numberOf('process_cpu_seconds_total')) > 0)
  assert.equal((await pageOf(`http://127.0.0.1:${port}/metrics`)).rows, [1])
  const prometheus = await Prometheus.start([{ job: 'both', address: `127.0.0.1:${port}` }])
  if (prometheus === undefined) return
  try {
    assert.equal((await prometheus.targets()).get('both'), { job: 'both', health: 'up', error: '' })
    for (const name of ['requests_total', 'batchflow_records_total']) {
      assert.ok((await prometheus.series(name)).length > 0, name)
    }
  } finally {
    await prometheus.stop()
  }
})

test('each worker has a page and an identity, and the same ones when it is started again', async () => {
  const [port = 0] = await freePorts(1)
  const program = start('examples/recipes/cluster.ts', { FIRST_PORT: String(port) })
  const [first, second] = await program.says(/worker (\d) \((\d+)\): (\S+)/g, 2)
  const urls = [first!, second!].sort(([, a], [, b]) => Number(a) - Number(b)).map(([, , , url]) => url!)
  assert.equal(
    urls.map((url) => Number(new URL(url).port)),
    [port, port + 1],
  )
  const [a, b] = await Promise.all(urls.map(pageOf))
  assert.equal([a!.rows, b!.rows], [[1], [2]])
  assert.match(a!.instance!, /:0$/)
  assert.match(b!.instance!, /:1$/)
  process.kill(Number(first![2]), 'SIGKILL')
  const again = (await program.says(/worker (\d) \((\d+)\): (\S+)/g, 3))[2]!
  assert.equal([again[1], again[3]], [first![1], first![3]])
})

test('two workers with one port do not pass for one: the second is told', async () => {
  const [port = 0] = await freePorts(1)
  const program = start('test/support/programs/one-port.ts', { PORT: String(port) })
  const [said] = await program.says(/workers: (.*)/g)
  assert.is(said?.[1], 'ERR_BATCHFLOW_PORT,listens')
})

const REGISTER = {
  NODE_OPTIONS: '--require @opentelemetry/auto-instrumentations-node/register',
  OTEL_SERVICE_NAME: 'shop',
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  OTEL_NODE_RESOURCE_DETECTORS: 'env',
}

if ((await servers.postgres()) !== undefined) {
  test('auto-instrumentations-node/register: metrics and traces without a line of set-up', async () => {
    const before = { ...process.env }
    Object.assign(process.env, REGISTER)
    const started = ExampleProcess.start('examples/recipes/auto-instrumentations.ts')
    await using example = await started.finally(() => {
      for (const name of Object.keys(REGISTER)) {
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
      }
    })
    const { code, output } = await example.ended()
    assert.is(code, 0, output)
    assert.is(await example.count('visits'), 1)
    assert.is(example.counted('visits'), 1)
    const [, traceId] = /the batch is in trace (\w+)/.exec(output) ?? []
    const { receiver } = example
    const [batch] = receiver.named('batchflow.batch visits')
    assert.is(batch?.traceId, traceId)
    assert.is(batch?.resource['service.name'], 'shop')
    const [attempt] = receiver.childrenOf(batch!).filter(({ name }) => name === 'COPY visits')
    assert.ok(receiver.childrenOf(attempt!).some(({ scope }) => scope.endsWith('instrumentation-pg')))
  })
}

test.run()
