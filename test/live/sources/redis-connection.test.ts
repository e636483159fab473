import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Connection, LostConnectionError, NotConnectedError } from '../../../src/sources/redis-streams/connection.ts'
import { systemClock } from '../../../src/support/clock.ts'
import { needed, servers } from '../../support/servers/servers.ts'

const test = suite('a connection to Redis of our own')
const { url } = needed(await servers.redis())
const client = new Redis(url)
const open: Connection[] = []

function connection(): Connection {
  const made = new Connection(client, systemClock)
  open.push(made)
  return made
}

/** How it ends, and after how long in ms; nothing may be left of what limited its time. */
async function ending(promise: Promise<unknown>): Promise<{ error: unknown; milliseconds: number }> {
  const begun = performance.now()
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  return { error, milliseconds: performance.now() - begun }
}

test.after.each(() => {
  for (const made of open.splice(0)) made.close()
})
test.after(() => client.disconnect())

test('what was not answered when the connection was lost is told at once, and it connects again', async () => {
  const killed = connection()
  await killed.open()
  const id = Number(await killed.call('CLIENT', ['ID']))
  const waiting = ending(killed.call('BLPOP', ['nothing', 60], 60_000))
  await client.call('CLIENT', 'KILL', 'ID', id)
  const { error, milliseconds } = await waiting
  assert.instance(error, LostConnectionError)
  assert.ok(milliseconds < 1000, `${milliseconds} ms`)
  await killed.open()
  assert.is(String(await killed.call('PING', [])), 'PONG')
})

test('closing ends what is under way, and what comes later', async () => {
  const closed = connection()
  await closed.open()
  const waiting = ending(closed.call('BLPOP', ['nothing', 60], 60_000))
  closed.close()
  assert.instance((await waiting).error, LostConnectionError)
  assert.instance((await ending(closed.call('PING', []))).error, NotConnectedError)
  assert.instance((await ending(closed.open())).error, NotConnectedError)
})

test('many may wait for one connection', async () => {
  const warnings: string[] = []
  const listen = ({ name }: Error) => void warnings.push(name)
  process.on('warning', listen)
  const slow = connection()
  await Promise.all(Array.from({ length: 30 }, () => slow.open()))
  await new Promise(setImmediate)
  process.removeListener('warning', listen)
  assert.equal(warnings, [])
})

test('closing while it connects leaves no timer behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  const closed = connection()
  const opening = ending(closed.open())
  closed.close()
  const { error, milliseconds } = await opening
  assert.instance(error, NotConnectedError)
  assert.ok(milliseconds < 1000, `${milliseconds} ms`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(timers() <= before, `${timers()} timers, ${before} before`)
})

test.run()
