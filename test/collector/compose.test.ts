import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findTools } from '../monitoring/tools.ts'
import { run } from '../support/programs/program.ts'

interface Service {
  readonly image?: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly profiles?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly { readonly host_ip?: string }[]
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly read_only?: boolean }[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
}

const ROOT = join(import.meta.dirname, '../..')
const tools = findTools()
const modelled = tools === undefined ? test.skip : test

/** As the reference loader of the Compose Specification understands it: schema, interpolation, consistency. */
function load(): [string, Service][] {
  if (tools === undefined) return []
  const model = run(tools.compose, ['-format', 'json', join(ROOT, 'docker-compose.yml')], ROOT)
  return Object.entries((JSON.parse(model) as { services: Record<string, Service> }).services)
}

const services = load()

modelled('the loader accepts the file and finds every service', () => {
  const expected = ['collector', 'grafana', 'jaeger', 'mysql', 'postgres', 'prometheus', 'redis', 'traffic']
  const pipeline = ['service', 'worker']
  assert.equal(services.map(([name]) => name).sort(), [...expected, ...pipeline].sort())
})

modelled('nothing listens beyond localhost', () => {
  const ports = services.flatMap(([name, { ports = [] }]) => ports.map(({ host_ip }) => `${name} ${host_ip}`))
  assert.equal(
    ports.filter((port) => !port.endsWith(' 127.0.0.1')),
    [],
  )
})

modelled('images are pinned, builds have a Dockerfile, mounts exist and are read-only', () => {
  for (const [name, { image, build, volumes = [] }] of services) {
    if (build === undefined) assert.match(image ?? '', /:v?\d+\.\d+\.\d+(-alpine)?$|:\d+\.\d+(-alpine)?$/, name)
    else assert.ok(existsSync(join(build.context, build.dockerfile)), name)
    for (const { type, source, read_only } of volumes) {
      if (type === 'bind') assert.ok(existsSync(source) && read_only === true, `${name}: ${source}`)
    }
  }
})

modelled('every service has a health check, and who needs one waits for it', () => {
  for (const [name, { healthcheck, depends_on = {} }] of services) {
    assert.ok(healthcheck !== undefined && healthcheck.test.length > 1, name)
    for (const [other, { condition }] of Object.entries(depends_on)) assert.is(condition, 'service_healthy', other)
  }
})

modelled('each profile is complete: who is in it finds there whom it depends on', () => {
  const members = (profile: string) => services.filter(([, { profiles = [] }]) => profiles.includes(profile))
  for (const profile of ['databases', 'monitoring', 'traffic', 'pipeline']) {
    const names = members(profile).map(([name]) => name)
    const needed = members(profile).flatMap(([, { depends_on = {} }]) => Object.keys(depends_on))
    assert.equal(
      needed.filter((name) => !names.includes(name)),
      [],
      profile,
    )
  }
  const unused = services.filter(
    ([, { profiles = [] }]) => !profiles.includes('traffic') && !profiles.includes('pipeline'),
  )
  assert.equal(unused, [])
})

modelled('there is no secret in it', () => {
  const secrets = services.flatMap(([name, { environment = {} }]) =>
    Object.entries(environment)
      .filter(([key, value]) => /PASSWORD|SECRET|TOKEN/.test(key) && value !== 'yes')
      .map(([key]) => `${name} ${key}`),
  )
  assert.equal(secrets, [])
})

test('plain `up` starts everything', () => {
  assert.match(readFileSync(join(ROOT, '.env'), 'utf8'), /^COMPOSE_PROFILES=traffic$/m)
})

test.run()
