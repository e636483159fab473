import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findBinaries } from '../../examples/shared/embedded-postgres.ts'
import { probePostgres, probeRedis } from '../support/servers/probes.ts'
import { servers } from '../support/servers/servers.ts'

const repository = join(import.meta.dirname, '../..')

/** Runs a script that can use `servers`, and says how it ended. */
function script(body: string, env: NodeJS.ProcessEnv = {}) {
  const code = `import { servers } from './test/support/servers/servers.ts'\n${body}`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: repository,
    env: { ...process.env, ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise<{ code: number | null; signal: string | null; output: string }>((resolve) => {
    child.on('close', (exitCode, signal) => resolve({ code: exitCode, signal, output }))
  })
}

const bootAndTell = `
  const server = await servers.embeddedPostgres()
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query('SHOW data_directory')
  console.log(JSON.stringify({ url: server.url, folder: rows[0].data_directory }))
  await client.end()
`

const endings: Record<string, string> = {
  'ends by itself': '',
  throws: `throw new Error('crash')`,
  'calls process.exit': 'process.exit(3)',
  'is killed': `process.kill(process.pid, 'SIGKILL')`,
}

if (findBinaries() !== undefined) {
  for (const [name, ending] of Object.entries(endings)) {
    test(`a private server ends with the process that started it, when that ${name}`, async () => {
      const { output } = await script(bootAndTell + ending)
      const { url, folder } = JSON.parse(/^\{.*\}$/m.exec(output)?.[0] ?? output) as { url: string; folder: string }
      for (let tries = 0; existsSync(folder) && tries < 100; tries++) await sleep(50)
      assert.not.ok(existsSync(folder), `${folder} is left behind`)
      assert.is(await probePostgres(url), undefined)
    })
  }

  test('a server can be stopped, crashed and started again, on the same port and data', async () => {
    const server = await servers.embeddedPostgres()
    assert.ok(server)
    const ask = async (sql: string) => {
      const client = new pg.Client({ connectionString: server.url })
      await client.connect()
      const { rows } = await client.query<{ n: number }>(sql)
      await client.end()
      return rows[0]?.n
    }
    await ask('CREATE TABLE kept AS SELECT 42 AS n')
    await server.stop()
    assert.is(await probePostgres(server.url), undefined)
    await server.start()
    assert.is(await ask('SELECT n FROM kept'), 42)
    await server.stop('immediate')
    await server.start()
    assert.is(await ask('SELECT n FROM kept'), 42)
    await server.remove()
    assert.is(await probePostgres(server.url), undefined)
  })
}

test('a server is found or started for each kind, and the same one is given twice', async () => {
  for (const kind of ['postgres', 'mysql', 'redis'] as const) {
    const server = await servers[kind]()
    if (server === undefined) continue
    assert.is(await servers[kind](), server)
    assert.match(server.version, /^\d+\.\d+/)
    await server.stop()
  }
})

test('a URL in the environment that leads nowhere is an error that does not show its password', async () => {
  const { code, output } = await script('await servers.redis()', { REDIS_URL: 'redis://:secret@127.0.0.1:1' })
  assert.is(code, 1)
  assert.match(output, /no redis answers at the URL in REDIS_URL/)
  assert.not.match(output, /secret/)
})

test('a port that says nothing is not taken for a server', async () => {
  assert.is(await probeRedis('redis://127.0.0.1:1'), undefined)
})

test.run()
