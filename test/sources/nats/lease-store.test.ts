import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Entry, Keys } from '../../../src/sources/nats/keys.ts'
import { NatsLeases } from '../../../src/sources/nats/lease-store.ts'

const test = suite('nats leases')

/** A bucket with a clock of its own, as time has to pass when the test says. */
class Bucket {
  now = 0
  sequence = 0
  readonly entries = new Map<string, Entry>()

  async open(): Promise<void> {}
  close(): void {}
  async caughtUp(): Promise<void> {}

  async put(key: string, value: string, expected?: number): Promise<number> {
    const last = this.entries.get(key)?.sequence ?? 0
    if (expected !== undefined && expected !== last)
      throw Object.assign(new Error('wrong last sequence'), { code: 10071 })
    this.entries.set(key, { value, sequence: ++this.sequence, time: this.now })
    return this.sequence
  }

  async remove(key: string): Promise<void> {
    this.entries.delete(key)
  }
}

const none = new Map<string, number>()
const TTL = 1000

function opened() {
  const bucket = new Bucket()
  return { bucket, leases: new NatsLeases(bucket as unknown as Keys) }
}

test('a lease counts as long as its owner is heard of, and is free afterwards', async () => {
  const { bucket, leases } = opened()
  await leases.beat('a', none, TTL)
  const token = await leases.take('0', 'a')
  assert.equal([...(await leases.beat('b', none, TTL)).owners], [['0', 'a']])
  bucket.now = 900
  await leases.beat('a', new Map([['0', token!]]), TTL)
  bucket.now = 1800
  assert.equal([...(await leases.beat('b', none, TTL)).owners], [['0', 'a']])
  bucket.now = 1900
  const view = await leases.beat('b', none, TTL)
  assert.equal([...view.owners], [])
  assert.equal(view.members, ['b'])
  assert.ok((await leases.take('0', 'b'))! > token!)
})

test('of two that take a lease one has it', async () => {
  const { bucket, leases } = opened()
  const stale = new Bucket()
  await leases.beat('a', none, TTL)
  assert.is(await leases.take('0', 'a'), 2)
  const late = new NatsLeases({ entries: stale.entries, put: bucket.put.bind(bucket) } as unknown as Keys)
  assert.is(await late.take('0', 'b'), undefined)
})

test('what is given up without a word is free, and what was taken by another is not released', async () => {
  const { leases } = opened()
  await leases.beat('a', none, TTL)
  const token = (await leases.take('0', 'a'))!
  assert.equal([...(await leases.beat('a', new Map([['0', token]]), TTL)).owners], [['0', 'a']])
  assert.equal([...(await leases.beat('a', none, TTL)).owners], [])
  const next = await leases.take('0', 'b')
  await leases.release('0', 'a', token)
  await leases.beat('b', new Map([['0', next!]]), TTL)
  assert.equal([...(await leases.beat('a', none, TTL)).owners], [['0', 'b']])
  await leases.release('0', 'b', next!)
  assert.equal([...(await leases.beat('a', none, TTL)).owners], [])
})

test('who leaves is no member any more, and who was silent for an hour is forgotten', async () => {
  const { bucket, leases } = opened()
  await leases.beat('a', none, TTL)
  await leases.beat('b', none, TTL)
  await leases.leave('a')
  assert.equal((await leases.beat('b', none, TTL)).members, ['b'])
  bucket.now = 3_700_000
  await leases.beat('b', none, TTL)
  assert.equal([...bucket.entries.keys()], ['member.b'])
})

test.run()
