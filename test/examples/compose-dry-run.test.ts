/** What the services of `docker-compose.yml` run, run here: the same files and flags, other addresses and folders. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Daemon, freePorts, startDaemon } from '../monitoring/daemon.ts'
import { findProgram, findTools } from '../monitoring/tools.ts'
import { mounted, ROOT, read, serviceOf } from '../support/compose.ts'
import { run } from '../support/programs/program.ts'
import { until } from '../support/prometheus/prometheus.ts'

const test = suite('docker-compose.yml, run')
const folder = mkdtempSync(join(tmpdir(), 'batchflow-compose-'))
const daemons: Daemon[] = []
test.after(async () => {
  for (const daemon of daemons) await daemon.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function start(...parameters: Parameters<typeof startDaemon>): Promise<void> {
  daemons.push(await startDaemon(...parameters))
}

async function json<T>(url: string): Promise<T> {
  return (await fetch(url)).json() as Promise<T>
}

/** The words of a Dockerfile's instruction in its JSON form. */
function words(dockerfile: string, instruction: 'CMD' | 'ENTRYPOINT'): string[] {
  const [, text = '[]'] = new RegExp(`^${instruction} (\\[.*\\])$`, 'm').exec(read(dockerfile)) ?? []
  return JSON.parse(text)
}

/** Does the health check of a service, at another address, where there is the program for it. */
function checkHealth(service: string, from: string, to: string): void {
  const [, program = '', ...args] = serviceOf(service).healthcheck.test
  if (findProgram(program) === undefined) console.log(`SKIPPED health check of ${service}: apt-get install ${program}`)
  else
    run(
      program,
      args.map((word) => word.replace(from, to)),
    )
}

const tools = findTools()
if (tools !== undefined) {
  test('Prometheus takes the flags and the files, loads the rules, and knows its targets', async () => {
    const service = serviceOf('prometheus')
    const [port] = await freePorts(1)
    const address = `127.0.0.1:${port}`
    const args = service.command!.map((flag) => {
      const [name = '', value] = flag.split('=')
      if (name === '--config.file') return `${name}=${mounted(service, value!)}`
      return name === '--storage.tsdb.path' ? `${name}=${folder}` : flag
    })
    await start(tools.prometheus, [...args, `--web.listen-address=${address}`], `http://${address}/-/ready`)
    checkHealth('prometheus', '127.0.0.1:9090', address)
    const api = `http://${address}/api/v1`
    type Groups = { data: { groups: { rules: { name: string; lastError?: string }[] }[] } }
    const { data: rules } = await json<Groups>(`${api}/rules`)
    const found = rules.groups.flatMap((group) => group.rules)
    assert.ok(found.some(({ name }) => name === 'BatchflowStalled'))
    assert.equal(
      found.filter(({ lastError }) => lastError !== undefined && lastError !== ''),
      [],
    )
    type Targets = { data: { activeTargets: { scrapeUrl: string }[] } }
    const urls = await until('it knows its targets', async () => {
      const { data } = await json<Targets>(`${api}/targets`)
      return data.activeTargets.length > 0 && data.activeTargets.map(({ scrapeUrl }) => scrapeUrl).sort()
    })
    assert.equal(urls, ['http://collector:8889/metrics', 'http://traffic:9464/metrics'])
    const empty = await fetch(`${api}/otlp/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
    })
    assert.is(empty.status, 200, 'it takes OTLP')
  })

  test('the Collector takes its configuration from where its image has it, and its addresses from the service', async () => {
    const dockerfile = 'collector/Dockerfile'
    const [, config = ''] = /^COPY (\S+) \/etc\/otelcol\/collector\.yaml$/m.exec(read(dockerfile)) ?? []
    const [program, ...args] = words(dockerfile, 'ENTRYPOINT')
    assert.is(program, 'otelcol')
    const [grpc, http, metrics, health, traces] = await freePorts(5)
    const { environment = {} } = serviceOf('collector')
    assert.equal(Object.keys(environment), ['OTLP_GRPC', 'OTLP_HTTP', 'METRICS', 'TRACE_STORE'])
    const here: Record<string, string> = {
      OTLP_GRPC: environment['OTLP_GRPC']!.replace('4317', String(grpc)),
      OTLP_HTTP: environment['OTLP_HTTP']!.replace('4318', String(http)),
      METRICS: environment['METRICS']!.replace('8889', String(metrics)),
      TRACE_STORE: `127.0.0.1:${traces}`,
      HEALTH: `127.0.0.1:${health}`,
    }
    const there = args.map((word) => word.replace('/etc/otelcol/collector.yaml', join(ROOT, 'collector', config)))
    await start(tools.otelcol, there, `http://127.0.0.1:${health}/`, here)
    checkHealth('collector', '127.0.0.1:13133', `127.0.0.1:${health}`)
    assert.is((await fetch(`http://127.0.0.1:${metrics}/metrics`)).status, 200)
  })
}

test('the traffic is what its image runs, and listens where Prometheus and the health check look', () => {
  assert.equal(words('examples/traffic/Dockerfile', 'CMD'), ['node', '--import', 'tsx', 'examples/traffic/main.ts'])
  const { environment = {} } = serviceOf('traffic')
  assert.is(environment['METRICS_HOST'], '0.0.0.0')
  assert.not.ok('METRICS_PORT' in environment || 'HEALTH_PORT' in environment, 'the defaults are what others know')
  const { host, port } = new URL(environment['OTEL_EXPORTER_OTLP_ENDPOINT']!)
  assert.is(host, `collector:${port}`)
  assert.match(serviceOf('collector').environment!['OTLP_HTTP']!, new RegExp(`:${port}$`))
})

test('the pipeline runs programs that are there, and listens where the health checks look', () => {
  const ports = { service: /PORT: port = '(\d+)'/, worker: /HEALTH_PORT: healthPort = '(\d+)'/ }
  for (const [name, pattern] of Object.entries(ports)) {
    const { command = [], environment = {}, healthcheck } = serviceOf(name)
    const program = read(command.at(-1)!)
    const [, port] = pattern.exec(program) ?? []
    assert.match(healthcheck.test.at(-1)!, `http://127.0.0.1:${port}/livez`)
    assert.not.ok('PORT' in environment || 'HEALTH_PORT' in environment, 'the defaults are what the checks know')
    const { host } = new URL(environment['OTEL_EXPORTER_OTLP_ENDPOINT']!)
    assert.is(host, new URL(serviceOf('traffic').environment!['OTEL_EXPORTER_OTLP_ENDPOINT']!).host)
  }
  assert.is(serviceOf('service').environment?.['HOST'], '0.0.0.0')
  const { ports: published = [] } = serviceOf('service')
  assert.match(published[0]!, /:3000$/)
})

test.run()
