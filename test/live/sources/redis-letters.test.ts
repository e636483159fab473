import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Source } from '../../../src/consume/source.ts'
import { redisStreams } from '../../../src/sources/redis-streams/index.ts'
import { bootRedis } from '../../support/servers/private-servers.ts'
import { needed, servers } from '../../support/servers/servers.ts'
import { eventually, RecordingHost } from './recording-host.ts'

const test = suite('letters in a stream of Redis')
const server = await bootRedis(needed(await servers.redisProgram()))
const client = new Redis(server.url)
const why = { reason: 'constraint', table: 'users', row: 3, message: 'a value is missing' }
const NO_TEXT = Buffer.from([0xff, 0x00, 0xfe])
const opened: Source[] = []
let count = 0

/** What is in the stream of dead letters once this entry was put aside. */
async function letterFor(fields: (string | Buffer)[], limit?: string) {
  const stream = `letters${++count}`
  await client.xadd(`${stream}:0`, '*', ...fields)
  if (limit !== undefined) await client.config('SET', 'proto-max-bulk-len', limit)
  const source = redisStreams(client, { stream, partitions: 1, leaseTime: 3000 })
  opened.push(source)
  const host = new RecordingHost()
  await source.start(host, { position: 'source' })
  await eventually(() => host.delivered.length === 1)
  await eventually(() =>
    source.deadLetter('0', host.delivered[0]!.message, why).then(
      () => true,
      () => false,
    ),
  )
  const [[, found]] = (await client.xrangeBuffer(`${stream}:dead`, '-', '+')) as [[Buffer, Buffer[]]]
  return (name: string) => {
    const at = found.findIndex((field, i) => i % 2 === 0 && String(field) === name)
    return at === -1 ? undefined : found[at + 1]
  }
}

test.after.each(async () => {
  for (const source of opened.splice(0)) await source.stop()
})
test.after(async () => {
  client.disconnect()
  await server.remove()
})

test('a key, headers and a body that are no text stay what they are', async () => {
  const field = await letterFor(['body', NO_TEXT, 'key', NO_TEXT, 'Mine', NO_TEXT, 'other', 'text'])
  assert.equal(field('body'), NO_TEXT)
  assert.equal(field('key'), NO_TEXT)
  assert.equal(JSON.parse(String(field('headers'))), { Mine: { $bytes: NO_TEXT.toString('base64') }, other: 'text' })
  assert.is(String(field('row')), '3')
  assert.is(field('truncated'), undefined)
})

test('headers that as one are too long for the server are left out, the reason is not', async () => {
  const large = 'x'.repeat(700_000)
  const field = await letterFor(['body', 'whole', 'one', large, 'two', large], '1mb')
  assert.is(String(field('truncated')), 'headers')
  assert.is(String(field('reason')), 'constraint')
  assert.is(String(field('body')), 'whole')
})

test.run()
