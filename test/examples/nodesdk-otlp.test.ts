import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('examples/nodesdk-otlp')

test('writes, and exports what its last line says', async () => {
  await using example = await ExampleProcess.start('examples/nodesdk-otlp/main.ts')
  const { code, output } = await example.ended()
  assert.is(code, 0, output)
  const [, rows, traceId, spanId] = /100 rows .* batch of (\d+): trace (\w+), span (\w+)/.exec(output) ?? []
  assert.is(await example.count('visits'), 100)
  assert.is(example.counted('visits'), 100)
  const { receiver } = example
  const batch = receiver.named('batchflow.batch visits').find((span) => span.spanId === spanId)
  assert.is(batch?.traceId, traceId)
  assert.is(batch?.attributes['batchflow.batch.rows'], Number(rows))
  assert.is(batch?.resource['service.name'], 'nodesdk-otlp')
  const pages = receiver.named('GET /page/')
  assert.is(pages.length, 100)
  for (const { links } of pages) assert.is(links[0]?.attributes['batchflow.link'], 'batch')
  const [attempt] = receiver.childrenOf(batch!).filter(({ name }) => name === 'COPY visits')
  assert.ok(receiver.childrenOf(attempt!).some(({ scope }) => scope.endsWith('instrumentation-pg')))
})

if ((await servers.postgres()) !== undefined) test.run()
