import { createHash, randomBytes } from 'node:crypto'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, headers, type MsgHdrs } from '@nats-io/transport-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Source } from '../../../src/consume/source.ts'
import { nats } from '../../../src/sources/nats/index.ts'
import { needed, servers } from '../../support/servers/servers.ts'
import { eventually, RecordingHost } from './recording-host.ts'

const test = suite('letters in a stream of NATS')
const { url } = needed(await servers.nats())
const connection = await connect({ servers: url, maxReconnectAttempts: -1 })
const manager = await jetstreamManager(connection)
const prefix = `batchflow_${randomBytes(6).toString('hex')}`
const most = connection.info!.max_payload
const why = { reason: 'constraint', table: 'users', code: '23502', row: 3, message: 'a value is missing' }
const opened: Source[] = []
let count = 0

/** What is in the stream of dead letters once this message was put aside. */
async function letterFor(body: Uint8Array, head?: MsgHdrs, deadStream?: object) {
  const stream = `${prefix}_${++count}`
  const source = nats(connection, { stream, partitions: 1, leaseTime: 1000, bucket: prefix })
  opened.push(source)
  const host = new RecordingHost()
  await source.start(host, { position: 'source' })
  if (deadStream !== undefined)
    await manager.streams.add({ name: `${stream}-dead`, subjects: [`${stream}-dead`], ...deadStream })
  await manager.jetstream().publish(`${stream}.0`, body, head === undefined ? {} : { headers: head })
  await eventually(() => host.delivered.length === 1)
  const { partition, message } = host.delivered[0]!
  await source.deadLetter(partition, message, why)
  const letter = (await manager.streams.getMessage(`${stream}-dead`, { last_by_subj: `${stream}-dead` }))!
  const told = (name: string) => letter.header.get(`batchflow-${name}`)
  return { stream, letter, told }
}

test.after.each(async () => {
  for (const source of opened.splice(0)) await source.stop()
  for await (const { config } of manager.streams.list()) {
    if (config.name.includes(prefix)) await manager.streams.delete(config.name)
  }
})
test.after(() => connection.close())

test('a message as large as the server takes is put aside cut, with what was known of it', async () => {
  const body = randomBytes(most - 50)
  const { letter, told, stream } = await letterFor(body)
  assert.ok(letter.data.length > most - 2000, String(letter.data.length))
  assert.ok(Buffer.from(letter.data).equals(body.subarray(0, letter.data.length)))
  assert.is(told('truncated'), 'body')
  assert.is(told('length'), String(body.length))
  assert.is(told('sha256'), createHash('sha256').update(body).digest('hex'))
  assert.equal(['reason', 'table', 'code', 'row', 'position', 'subject'].map(told), [
    'constraint',
    'users',
    '23502',
    '3',
    '1',
    `${stream}.0`,
  ])
  const original = await manager.streams.getMessage(stream, { seq: 1 })
  assert.is(original!.data.length, body.length)
})

test('a message that fits is whole, its headers as they were, those with several values too', async () => {
  const head = headers()
  head.append('Mine', 'a')
  head.append('Mine', 'b')
  const { letter, told } = await letterFor(Buffer.from('body'), head)
  assert.is(Buffer.from(letter.data).toString(), 'body')
  assert.equal(letter.header.values('Mine'), ['a', 'b'])
  assert.is(told('truncated'), '')
})

test('headers that JetStream takes no more of are left out, the body stays whole', async () => {
  const head = headers()
  head.append('Large', 'x'.repeat(60_000))
  head.append('More', 'x'.repeat(5200))
  const { letter, told } = await letterFor(Buffer.from('body'), head)
  assert.is(Buffer.from(letter.data).toString(), 'body')
  assert.is(told('truncated'), 'headers')
})

test('a stream of dead letters that takes less than the server does', async () => {
  const { letter, told } = await letterFor(randomBytes(100_000), undefined, { max_msg_size: 5000 })
  assert.ok(letter.data.length > 0)
  assert.is(told('truncated'), 'body')
  assert.is(told('reason'), 'constraint')
})

test.run()
