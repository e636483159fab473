import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('examples/services')

function post(url: string, body: object): Promise<number> {
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return fetch(url, request).then(async (response) => {
    await response.arrayBuffer()
    return response.status
  })
}

/** Sends views, each as soon as there is an answer to the one before, until there is none: how many were accepted. */
async function visit(origin: string): Promise<number> {
  for (let accepted = 0; ; accepted++) {
    const status = await post(`${origin}/views`, { product: `tea ${accepted}` }).catch(() => undefined)
    if (status === undefined) return accepted
    assert.is(status, 202, 'no request finds a flow that is closed')
  }
}

for (const name of ['node-http', 'express', 'nestjs']) {
  test(`${name}: stops in the middle of requests, and every row it accepted is there`, async () => {
    await using example = await ExampleProcess.start(`examples/${name}/main.ts`)
    const [, origin] = await example.says(/listening on (\S+)/)
    const order = { id: randomUUID(), product: 'tea', quantity: 2 }
    assert.is(await post(`${origin}/orders`, order), 201)
    assert.is(await example.count('orders'), 1, 'committed before the answer')
    assert.is(await post(`${origin}/orders`, order), 409)
    const probes = await Promise.all(['livez', 'readyz'].map((probe) => fetch(`${origin}/health/${probe}`)))
    assert.equal(
      probes.map(({ status }) => status),
      [200, 200],
    )

    const visits = [visit(origin!), visit(origin!), visit(origin!)]
    while ((await example.count('views')) === 0);
    const asked = performance.now()
    const { signal, output } = await example.terminate()
    assert.is(signal, 'SIGTERM', output)
    assert.ok(performance.now() - asked < 4000, 'connections that are kept alive do not keep it')
    const accepted = (await Promise.all(visits)).reduce((sum, count) => sum + count)
    assert.match(output, `${accepted + 1} rows committed, 1 failed`)
    assert.is(await example.count('views'), accepted)
    assert.equal([example.counted('views'), example.counted('orders')], [accepted, 1], 'telemetry was flushed')
  })
}

if ((await servers.postgres()) !== undefined) test.run()
