import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { defineTable } from '../../src/contract/table.ts'
import { redisExecutor, stream } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { thrownBy } from '../support/assertions.ts'
import { type AnyRow, driverOf, refusals, tableOf, verdictOn, write } from '../support/databases/redis.ts'
import { RedisServer } from '../support/servers/redis-server.ts'

const test = suite('redis: faults')
const server = await RedisServer.open({ appendonly: 'yes', appendfsync: 'always' })
test.after(() => server.close())

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

const updates = tableOf('users', ['id', 'v'], { action: 'update', keys: ['id'] })
const events = tableOf('events', ['n'])

type Client = Redis | Redis5

/** A client of its own, with errors that nobody else has to hear. */
async function withClient<T>(work: (client: Redis) => Promise<T>, options: Record<string, unknown> = {}): Promise<T> {
  const client = new Redis(server.port, '127.0.0.1', options)
  client.on('error', () => undefined)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

function rowsFrom(first: number, count: number): AnyRow[] {
  return Array.from({ length: count }, (_, i) => ({ id: first + i, v: i, n: first + i }))
}

test.before.each(() =>
  withClient(async (client) => {
    await client.flushall()
  }),
)

test('an error of the server fails its row alone, under its own reason', () =>
  withClient(async (client) => {
    await client.set('users:1', 'a string')
    const driver = driverOf(client)
    const failures = refusals(driver, await write(driver, updates, rowsFrom(0, 3)))
    assert.equal(
      failures.map(({ index, reason, ambiguous }) => [index, reason, ambiguous]),
      [[1, 'constraint', false]],
    )
    assert.equal(await client.hgetall('users:2'), { id: '2', v: '2' })
  }))

test('no memory left: out_of_space', () =>
  withClient(async (client) => {
    const driver = driverOf(client)
    await client.config('SET', 'maxmemory', '1')
    const failures = refusals(driver, await write(driver, updates, rowsFrom(0, 2)))
    const scripted = refusals(
      driver,
      await write(driver, tableOf('t', ['id'], { action: 'ignore', keys: ['id'] }), [{ id: 1 }]),
    )
    const together = refusals(
      driver,
      await write(driver, tableOf('t', ['id'], { action: 'replace', keys: ['id'] }), [{ id: 1 }]),
    )
    await client.config('SET', 'maxmemory', '0')
    assert.equal(
      [...failures, ...scripted, ...together].map(({ reason }) => reason),
      Array(4).fill('out_of_space'),
    )
    assert.is(await client.dbsize(), 0)
  }))

test('a replica refuses to write: read_only, to be tried again', async () => {
  const primary = await RedisServer.open()
  await withClient(async (client) => {
    await client.replicaof('127.0.0.1', primary.port)
    const driver = driverOf(client)
    const failures = refusals(driver, await write(driver, updates, rowsFrom(0, 2)))
    await client.replicaof('NO', 'ONE')
    assert.equal(
      failures.map(({ reason, ambiguous }) => [reason, ambiguous]),
      Array(2).fill(['read_only', false]),
    )
  })
  await primary.close()
})

test('a user without the right, and a wrong password: permission', () =>
  withClient(async (client) => {
    await client.acl('SETUSER', 'writer', 'on', '>secret', '~allowed:*', '+@all', '-xadd')
    const options = { username: 'writer', password: 'secret' }
    await withClient(async (writer) => {
      const driver = driverOf(writer)
      const failures = [
        ...(await write(driver, updates, rowsFrom(0, 2))),
        ...(await write(driver, events, rowsFrom(0, 1))),
      ]
      assert.equal(
        refusals(driver, failures).map(({ reason }) => reason),
        Array(3).fill('permission'),
      )
    }, options)
    await withClient(
      async (intruder) => {
        const driver = driverOf(intruder)
        const verdict = verdictOn(driver, await thrownBy(() => write(driver, updates, rowsFrom(0, 2))))
        assert.is(verdict.reason, 'permission')
        assert.is(verdict.ambiguous, false)
      },
      { ...options, password: 'wrong' },
    )
    await client.acl('DELUSER', 'writer')
  }))

test('a script that will not end: timeout, and nothing is written', () =>
  withClient(async (client) => {
    await client.config('SET', 'busy-reply-threshold', '50')
    const busy = withClient((other) => other.eval('while true do end', 0).catch(() => undefined))
    await sleep(200)
    const driver = driverOf(client)
    const failures = refusals(driver, await write(driver, updates, rowsFrom(0, 2)))
    await client.script('KILL')
    await busy
    assert.equal(
      failures.map(({ reason, ambiguous }) => [reason, ambiguous]),
      Array(2).fill(['timeout', false]),
    )
  }))

test('a server that is down: connection, and nothing waits in the client to be written later', () =>
  withClient(async (client) => {
    await client.ping()
    const driver = driverOf(client)
    await server.stop('SIGKILL')
    for (let i = 0; i < 3; i++) {
      const { reason, ambiguous } = verdictOn(driver, await thrownBy(() => write(driver, updates, rowsFrom(0, 2))))
      assert.is(reason, 'connection')
      if (i > 0) assert.is(ambiguous, false)
    }
    await server.start()
    while ((await client.ping().catch(() => '')) !== 'PONG') await sleep(20)
    assert.is(await client.dbsize(), 0)
    assert.equal(await write(driver, updates, rowsFrom(0, 2)), [])
  }))

test('a client that was ended, or may not queue, fails at once', async () => {
  await withClient(async (client) => {
    client.disconnect()
    await sleep(20)
    const driver = driverOf(client)
    assert.is(verdictOn(driver, await thrownBy(() => write(driver, updates, rowsFrom(0, 2)))).reason, 'non_retryable')
  })
  const eager = new Redis(server.port, '127.0.0.1', { enableOfflineQueue: false })
  const driver = driverOf(eager)
  const { reason, message } = verdictOn(driver, await thrownBy(() => write(driver, updates, rowsFrom(0, 2))))
  assert.is(reason, 'connection')
  assert.match(message, /not ready: connecting/)
  eager.disconnect()
})

test('a client that connects lazily is connected', () =>
  withClient(async (client) => assert.equal(await write(driverOf(client), updates, rowsFrom(0, 2)), []), {
    lazyConnect: true,
  }))

test('a client in subscriber mode takes no commands', () =>
  withClient(
    async (client) => {
      const driver = driverOf(client)
      await client.subscribe('channel')
      const { reason, ambiguous } = verdictOn(driver, await thrownBy(() => write(driver, updates, rowsFrom(0, 2))))
      assert.is(reason, 'non_retryable')
      assert.is(ambiguous, false)
    },
    { protocol: 2 },
  ))

const majors: Record<string, () => Client> = {
  5: () => new Redis5(server.port, '127.0.0.1'),
  6: () => new Redis(server.port, '127.0.0.1'),
}

for (const [version, connect] of Object.entries(majors)) {
  test(`ioredis ${version}: a server lost before it answers leaves rows in doubt, and they are not sent twice`, async () => {
    const client = connect()
    client.on('error', () => undefined)
    const driver = driverOf(client)
    assert.equal(await write(driver, updates, rowsFrom(0, 1)), []) // the connection is known from now on
    process.kill(server.pid, 'SIGSTOP')
    const writing = thrownBy(() => write(driver, events, rowsFrom(0, 100)))
    const other = client.incr('counter').catch((error: Error) => error.message)
    await sleep(50)
    client.stream.destroy()
    process.kill(server.pid, 'SIGCONT')
    const { reason, ambiguous } = verdictOn(driver, await writing)
    assert.is(reason, 'connection')
    assert.is(ambiguous, true)
    assert.is(typeof (await other), 'number', 'the queue of replies got out of step')
    await sleep(50)
    const length = await client.xlen('events')
    assert.ok(length === 0 || length === 100, `written ${length} times, once or never was right`)
    assert.equal(await write(driver, events, rowsFrom(100, 10)), [])
    assert.is(await client.xlen('events'), length + 10)
    client.disconnect()
  })
}

test('what was answered before the connection was lost is known to be committed', () =>
  withClient(async (client) => {
    const driver = driverOf(client, (row: AnyRow) => ['EVAL', SLOW, 1, 'slow', Number(row['n'])])
    const failures = await withClient(async (watcher) => {
      await watcher.ping()
      const writing = write(driver, events, rowsFrom(0, 600))
      while (Number(await watcher.get('slow')) < 50) await sleep(1)
      await server.stop('SIGKILL')
      return writing
    })
    await server.start()
    const done = Number(await withClient((other) => other.get('slow')))
    assert.ok(done >= 50 && done < 600, `${done} of 600 were done`)
    const lost = refusals(driver, failures)
    assert.ok(lost.length >= 600 - done && lost.length < 600, `${lost.length} lost, ${done} done`)
    assert.equal(
      lost.map(({ index }) => index),
      Array.from({ length: lost.length }, (_, i) => 600 - lost.length + i),
    )
    assert.ok(lost.every(({ reason, ambiguous }) => reason === 'connection' && ambiguous))
  }))

/** Counts, and takes 5 ms over it. The server reads 16 kB at a time, so it answers some rows before it reads others. */
const SLOW = `local start = redis.call('TIME')
local function us(t) return t[1] * 1000000 + t[2] end
repeat until us(redis.call('TIME')) - us(start) > 5000
return redis.call('INCR', KEYS[1])`

test('an abort ends the attempt at once; answers that come later go nowhere', () =>
  withClient(async (client) => {
    const driver = driverOf(client)
    assert.equal(await write(driver, updates, rowsFrom(300, 1)), [])
    process.kill(server.pid, 'SIGSTOP')
    const controller = new AbortController()
    const writing = thrownBy(() => write(driver, updates, rowsFrom(0, 100), controller.signal))
    await sleep(30)
    controller.abort(new Error('enough'))
    const start = performance.now()
    const error = await writing
    assert.ok(performance.now() - start < 100)
    process.kill(server.pid, 'SIGCONT')
    assert.ok(error instanceof AttemptError && error.ambiguous)
    assert.is((error.cause as Error).message, 'enough')
    assert.equal(await write(driver, updates, rowsFrom(200, 3)), [])
    const size = await client.dbsize()
    assert.ok(size === 4 || size === 104, `${size} keys: all of the rows given up are there, or none`)
  }))

test('an abort before anything was sent leaves no doubt, and nothing is written later', () =>
  withClient(async (client) => {
    await client.ping()
    await server.stop('SIGKILL')
    const driver = driverOf(client)
    const early = new AbortController()
    early.abort(new Error('too late'))
    const aborted = verdictOn(driver, await thrownBy(() => write(driver, updates, rowsFrom(0, 3), early.signal)))
    const controller = new AbortController()
    const writing = thrownBy(() => write(driver, updates, rowsFrom(0, 3), controller.signal))
    setImmediate(() => controller.abort(new Error('enough')))
    const waiting = verdictOn(driver, await writing)
    await server.start()
    assert.is(aborted.ambiguous, false)
    assert.is(waiting.ambiguous, false)
    while ((await client.ping().catch(() => '')) !== 'PONG') await sleep(20)
    assert.is(await client.dbsize(), 0)
  }))

test('a timeout of the executor is reported as such, and the row may be tried again', () =>
  withClient(async (client) => {
    await client.ping()
    const executor = redisExecutor(client)
      .withTimeout(100)
      .withRetry({ maxAttempts: 20, backoffBase: 50, maxBackoff: 50 })
    const flow = new BatchFlow(executor, { flushInterval: 1 })
    const users = defineTable<{ id: number }>('users', {
      columns: ['id'],
      onConflict: { action: 'update', keys: ['id'] },
    })
    process.kill(server.pid, 'SIGSTOP')
    const receipt = flow.write(users, { id: 1 })
    await sleep(400)
    process.kill(server.pid, 'SIGCONT')
    await receipt
    const summary = await flow.close()
    assert.is(summary.committed, 1)
    assert.is(await client.hget('users:1', 'id'), '1')
  }))

test('a server restarted under load: nothing is lost, and of a plain stream nothing that is known is written twice', () =>
  withClient(async (client) => {
    const executor = redisExecutor(client, {
      commands: { '*': stream(), users: (row: AnyRow) => ['HINCRBY', `users:${row['id']}`, 'v', 1] },
    })
      .withConcurrencyLimit(3)
      .withRetry({ maxAttempts: 200, backoffBase: 10, maxBackoff: 50, onAmbiguous: 'fail' })
    const flow = new BatchFlow(executor, { flushSize: 100, flushInterval: 2, bufferSize: 20_000 })
    const entries = defineTable<{ n: number }>('entries', { columns: ['n'] })
    const fates: Promise<string>[] = []
    for (let n = 0; n < 10_000; n++) {
      fates.push(
        flow.write(entries, { n }).then(
          () => 'committed',
          (error: { reason: string }) => error.reason,
        ),
      )
      if (n % 500 === 0) await sleep(10)
      if (n === 4000) void server.stop('SIGKILL').then(() => server.start())
    }
    const settled = await Promise.all(fates)
    await flow.close()
    const stored = (await client.xrange('entries', '-', '+')).map(([, [, n]]) => Number(n))
    const count = new Map<number, number>()
    for (const n of stored) count.set(n, (count.get(n) ?? 0) + 1)
    settled.forEach((fate, n) => {
      if (fate === 'committed') assert.is(count.get(n), 1, `row ${n} was committed, and is there ${count.get(n)} times`)
      else assert.ok(fate === 'connection' && (count.get(n) ?? 0) <= 1, `row ${n}: ${fate}`)
    })
    assert.ok(settled.filter((fate) => fate === 'committed').length > 5000)
  }))

test('scripts flushed behind our back are loaded with every batch', () =>
  withClient(async (client) => {
    const driver = driverOf(client)
    const table = tableOf('t', ['id'], { action: 'ignore', keys: ['id'] })
    assert.equal(await write(driver, table, [{ id: 1 }]), [])
    await client.script('FLUSH')
    assert.equal(await write(driver, table, [{ id: 1 }, { id: 2 }]), [])
    assert.is(await client.dbsize(), 2)
  }))

test('many batches at once leave one listener behind, whatever became of them', () =>
  withClient(async (client) => {
    const driver = driverOf(client)
    await Promise.all(Array.from({ length: 50 }, (_, i) => write(driver, updates, rowsFrom(i, 10))))
    const count = client.listenerCount('close')
    await Promise.all(Array.from({ length: 50 }, (_, i) => write(driver, updates, rowsFrom(i, 10))))
    assert.is(client.listenerCount('close'), count)
    assert.ok(count <= 2, String(count))
    assert.is(client.listenerCount('error'), 1)
  }))

test('no rejection was left unhandled', async () => {
  await sleep(50)
  assert.equal(unhandled, [])
})

test.run()
