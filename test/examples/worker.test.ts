import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('examples/worker')

test('reads until SIGTERM, and every row it took is there', async () => {
  await using example = await ExampleProcess.start('examples/worker/main.ts')
  await example.says(/reading/)
  while ((await example.count('readings')) < 5000);
  const { code, output } = await example.terminate()
  assert.is(code, 0, output)
  const [, committed] = /(\d+) rows committed, 0 failed/.exec(output) ?? []
  assert.ok(Number(committed) >= 5000, output)
  assert.is(await example.count('readings'), Number(committed))
  assert.is(example.counted('readings'), Number(committed))
  const batches = example.receiver.named('batchflow.batch readings')
  assert.is(batches[0]?.resource['service.name'], 'worker')
  const rows = batches.reduce((sum, { attributes }) => sum + Number(attributes['batchflow.batch.rows']), 0)
  assert.is(rows, Number(committed), 'each row is in the span of one batch')
})

if ((await servers.postgres()) !== undefined) test.run()
