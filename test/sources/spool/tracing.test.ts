import { setTimeout as sleep } from 'node:timers/promises'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { sqliteExecutor } from '../../../src/drivers/sqlite/index.ts'
import { openSpool } from '../../../src/sources/spool/open-spool.ts'
import { spool } from '../../../src/sources/spool/spool.ts'
import { spoolPublisher } from '../../../src/sources/spool/spool-publisher.ts'
import { OtelTracing } from '../../../src/telemetry/index.ts'
import { thrownBy } from '../../support/assertions.ts'
import { enableContext, ids, Traces } from '../../support/telemetry/traces.ts'
import { SpoolFiles } from './spool-files.ts'

const test = suite('traces through a spool')
enableContext()

const users = defineTable<{ id: number; name?: string }>('users', { columns: ['id', 'name'] })
const REQUESTS = 50

test('the batch is linked to the requests of the process before, all of them', async () => {
  const files = new SpoolFiles()
  const target = files.connect(`${files.folder}/target.db`)
  target.exec('CREATE TABLE users (id int, name text)')
  const before = new Traces()
  const log = spool(files.connect(), { tracerProvider: before.provider, partitions: 1 })
  const publisher = spoolPublisher(log)
  const requests = await Promise.all(
    Array.from({ length: REQUESTS }, (_, id) => before.request(`request ${id}`, () => publisher.submit(users, { id }))),
  )
  await log.close()
  const [send, ...none] = before.named('send ')
  assert.equal(none, [])
  assert.is(send!.name, `send ${log.destination}`)
  assert.is(send!.kind, SpanKind.PRODUCER)
  assert.is(send!.attributes['messaging.system'], 'spool')
  assert.is(send!.attributes['messaging.operation.type'], 'send')
  assert.is(send!.attributes['messaging.batch.message_count'], REQUESTS)
  assert.is(send!.links.length, REQUESTS)

  const after = new Traces()
  const executor = sqliteExecutor(target).withTracing(new OtelTracing({ tracerProvider: after.provider }))
  const flow = await openSpool(files.connect(), executor, { tables: [users], position: 'database', partitions: 1 })
  while (flow.stats().spool.messages > 0) await sleep(1)
  await flow.close()
  const linked = after.named('batchflow.batch').flatMap(({ links }) => links.map((link) => link.context.spanId))
  assert.equal(linked.sort(), requests.map((request) => ids(request).spanId).sort())
  const [process] = after.named('process ')
  assert.is(process!.name, `process ${log.destination}`)
  assert.is(process!.kind, SpanKind.CONSUMER)
  files.remove()
})

test('rows that were refused are told by the span', async () => {
  const files = new SpoolFiles()
  const traces = new Traces()
  const database = files.connect()
  const log = spool(database, { tracerProvider: traces.provider, partitions: 1 })
  database.exec('PRAGMA max_page_count = 1') // no more than it has
  await thrownBy(() => spoolPublisher(log).submit(users, { id: 1, name: 'x'.repeat(100_000) }))
  const [send] = traces.named('send ')
  assert.is(send!.attributes['error.type'], 'out_of_space')
  assert.is(send!.status.code, SpanStatusCode.ERROR)
  await log.close()
  files.remove()
})

test.run()
