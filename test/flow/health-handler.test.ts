import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { BatchFlow } from '../../src/flow/batch-flow.ts'
import { healthHandler } from '../../src/flow/health-handler.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { rig } from '../support/engine/flow.ts'
import { users, usersFrom } from '../support/engine/tables.ts'

const test = suite('health handler')

type Ask = (path: string, method?: string) => Promise<Response>

async function serving(flows: BatchFlow | BatchFlow[], act: (ask: Ask) => Promise<void>): Promise<void> {
  const server = createServer(healthHandler(flows)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    await act((path, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method }))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('answers each question under any path, with what stats() says', async () => {
  const { flow } = rig({ bufferSize: 500 })
  await serving(flow, async (ask) => {
    for (const path of ['/livez', '/readyz', '/', '/internal/health/readyz', '/internal/health/', '/livez?verbose']) {
      const response = await ask(path)
      assert.is(response.status, 200, path)
      assert.is(response.headers.get('cache-control'), 'no-store')
      assert.is(response.headers.get('content-type'), 'application/json')
      const { status, flows } = (await response.json()) as { status: string; flows: Record<string, unknown>[] }
      assert.is(status, 'ok')
      const { live, ready, state, room, committed } = flows[0]!
      assert.equal([live, ready, state, room, committed], [true, true, 'open', 500, 0])
    }
  })
})

test('one flow that is full is enough to be not ready; all are told of', async () => {
  const well = rig().flow
  const { flow } = rig({ flushSize: 2, bufferSize: 2 })
  await flow.submitMany(users, usersFrom(1, 2))
  await serving([well, flow], async (ask) => {
    const response = await ask('/readyz')
    assert.is(response.status, 503)
    const { status, flows } = (await response.json()) as { status: string; flows: { ready: boolean; why?: string }[] }
    assert.is(status, 'unavailable')
    assert.equal(
      flows.map(({ ready, why }) => [ready, why]),
      [
        [true, undefined],
        [false, 'the buffer is full'],
      ],
    )
    assert.is((await ask('/')).status, 503)
    assert.is((await ask('/livez')).status, 200)
  })
})

test('HEAD has the same head and no body; other methods and paths are refused', async () => {
  const { flow } = rig()
  await serving(flow, async (ask) => {
    const head = await ask('/readyz', 'HEAD')
    assert.equal([head.status, await head.text()], [200, ''])
    assert.is(head.headers.get('content-length'), (await ask('/readyz')).headers.get('content-length'))
    const posted = await ask('/readyz', 'POST')
    assert.equal([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD'])
    const stranger = await ask('/health')
    assert.is(stranger.status, 404)
    assert.match(await stranger.text(), 'a path that ends with /')
  })
})

test('answers the probes of the recipe for Kubernetes, whose grace period is long enough', async () => {
  const recipe = /```yaml\n([\s\S]*?)```/.exec(readFileSync('docs/production.md', 'utf8'))![1]!
  const paths = Array.from(recipe.matchAll(/path: (\S+?),/g), ([, path]) => path!)
  assert.equal(paths, ['/readyz', '/livez'])
  await serving(rig().flow, async (ask) => {
    for (const path of paths) assert.is((await ask(path)).status, 200)
  })
  const seconds = (pattern: RegExp) => Number(pattern.exec(recipe)?.[1])
  const needed = seconds(/'sleep', '(\d+)'/) + seconds(/timeout of closeOnSignals \((\d+) s\)/) + 10 + 2
  assert.ok(seconds(/terminationGracePeriodSeconds: (\d+)/) >= needed)
})

test('refuses what is no flow, and a time that is none', async () => {
  const message = 'healthHandler: flows must be a BatchFlow with a method stats(), received undefined'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => healthHandler(undefined as never))
  const { flow } = rig()
  const range = 'healthHandler: stuckAfter must be a number from 1 to Infinity, received "5m"'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', range, () =>
    healthHandler(flow, { stuckAfter: '5m' as never }),
  )
})

test.run()
