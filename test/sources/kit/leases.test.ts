import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LeaseKeeper } from '../../../src/sources/kit/lease-keeper.ts'
import { type LeaseStore, type LeaseView, memberName, movesOf } from '../../../src/sources/kit/leases.ts'
import { ManualClock } from '../../support/engine/clock.ts'

const test = suite('leases')
const TTL = 4000

/** Leases in memory, where time is the test's: what a server would keep. */
class MemoryStore implements LeaseStore {
  readonly #clock: ManualClock
  readonly members = new Map<string, number>()
  readonly leases = new Map<string, { member: string; token: number; until: number }>()
  readonly #tokens = new Map<string, number>()
  readonly #byPresence: boolean

  /** @param byPresence a lease lasts as long as its owner's presence, as in a bucket of NATS; else it ends by itself, as in Redis */
  constructor(clock: ManualClock, byPresence = false) {
    this.#clock = clock
    this.#byPresence = byPresence
  }

  async beat(member: string, held: ReadonlyMap<string, number>, ttl: number): Promise<LeaseView> {
    const now = this.#clock.now()
    this.members.set(member, now + ttl)
    for (const [partition, token] of held) {
      const lease = this.#live(partition)
      if (lease?.member === member && lease.token === token) lease.until = now + ttl
    }
    const alive = [...this.members].filter(([, until]) => until > now).map(([name]) => name)
    const owners = new Map<string, string>()
    for (const partition of this.leases.keys()) {
      const lease = this.#live(partition)
      if (lease !== undefined) owners.set(partition, lease.member)
    }
    return { members: alive.sort(), owners }
  }

  async take(partition: string, member: string, ttl: number): Promise<number | undefined> {
    if (this.#live(partition) !== undefined) return undefined
    const token = (this.#tokens.get(partition) ?? 0) + 1
    this.#tokens.set(partition, token)
    this.leases.set(partition, { member, token, until: this.#clock.now() + ttl })
    return token
  }

  async release(partition: string, member: string, token: number): Promise<void> {
    const lease = this.#live(partition)
    if (lease?.member === member && lease.token === token) this.leases.delete(partition)
  }

  async leave(member: string): Promise<void> {
    this.members.delete(member)
  }

  #live(partition: string) {
    const lease = this.leases.get(partition)
    if (lease === undefined) return undefined
    const until = this.#byPresence ? (this.members.get(lease.member) ?? 0) : lease.until
    return until > this.#clock.now() ? lease : undefined
  }
}

/** A worker as its leases see it, which can be cut off from the store, and killed. */
class Worker {
  readonly owned = new Set<string>()
  readonly keeper: LeaseKeeper
  readonly troubles: (Error | undefined)[] = []
  /** Leases that ended under its hands. */
  lost = 0
  cut = false
  /** How long a word takes to the store, and back, in ms. */
  slowness = [0, 0] as readonly [there: number, back: number]
  #drain = 0
  readonly #clock: ManualClock

  constructor(
    clock: ManualClock,
    store: LeaseStore,
    partitions: readonly string[],
    member: string,
    drain = 0,
    timers = clock,
  ) {
    this.#clock = clock
    this.#drain = drain
    const unlessCut =
      <A extends unknown[], T>(act: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        const [there, back] = this.slowness
        if (there > 0) await this.#wait(there)
        if (this.cut) throw new Error('cut off')
        const answer = await act.apply(store, args)
        if (back > 0) await this.#wait(back)
        return answer
      }
    this.keeper = new LeaseKeeper({
      store: {
        beat: unlessCut(store.beat),
        take: unlessCut(store.take),
        release: unlessCut(store.release),
        leave: unlessCut(store.leave),
      },
      holder: {
        taken: (partition) => void this.owned.add(partition),
        revoked: async (partition, lost) => {
          if (lost) this.lost++
          if (!lost && this.#drain > 0) await this.#wait(this.#drain)
          this.owned.delete(partition)
        },
        trouble: (error) => void this.troubles.push(error),
      },
      clock: timers,
      member,
      partitions,
      ttl: TTL,
    })
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#clock.timer(resolve).start(milliseconds))
  }
}

const names = (count: number) => Array.from({ length: count }, (_, i) => String(i))

test('one worker takes all, a second one half of them within one beat of each', async () => {
  const clock = new ManualClock()
  const store = new MemoryStore(clock)
  const a = new Worker(clock, store, names(8), 'a')
  await a.keeper.start()
  assert.is(a.owned.size, 8)
  const b = new Worker(clock, store, names(8), 'b')
  await b.keeper.start()
  assert.is(b.owned.size, 0)
  await clock.advance(TTL / 2)
  assert.is(a.owned.size, 4)
  assert.is(b.owned.size, 4)
  await Promise.all([a.keeper.stop(), b.keeper.stop()])
  assert.is(clock.running, 0)
})

test('of a worker that dies the partitions move within its lease and a beat; each token is larger', async () => {
  const clock = new ManualClock()
  const store = new MemoryStore(clock)
  const dead = new ManualClock() // its timers never fire
  const a = new Worker(clock, store, names(4), 'a', 0, dead)
  const b = new Worker(clock, store, names(4), 'b')
  await a.keeper.start()
  await b.keeper.start()
  assert.is(b.owned.size, 0)
  await clock.advance(TTL * 1.25)
  assert.is(b.owned.size, 4)
  assert.equal([...b.keeper.held.values()], [2, 2, 2, 2])
  await b.keeper.stop()
})

test('one that closes hands over after its work, renewed meanwhile; another takes it at its next beat', async () => {
  const clock = new ManualClock()
  const store = new MemoryStore(clock)
  const a = new Worker(clock, store, names(2), 'a', 3 * TTL)
  const b = new Worker(clock, store, names(2), 'b')
  await a.keeper.start()
  await b.keeper.start()
  const stopped = a.keeper.stop()
  await clock.advance(3 * TTL - 1)
  assert.is(b.owned.size, 0)
  assert.is(a.owned.size, 2)
  await clock.advance(1 + TTL / 4)
  await stopped
  assert.is(b.owned.size, 2)
  await b.keeper.stop()
})

test('one that cannot reach the store lets go before its leases end, and says so once', async () => {
  const clock = new ManualClock()
  const store = new MemoryStore(clock)
  const a = new Worker(clock, store, names(2), 'a')
  await a.keeper.start()
  a.cut = true
  await clock.advance(TTL - 1)
  assert.is(a.owned.size, 0)
  assert.ok(a.troubles.every((error) => error instanceof Error))
  a.cut = false
  await clock.advance(TTL)
  assert.is(a.owned.size, 2)
  assert.is(a.troubles.at(-1), undefined)
  await a.keeper.stop()
})

for (const byPresence of [false, true]) {
  const how = byPresence ? 'leases that last as long as a presence' : 'leases that end by themselves'
  test(`${how}: many partitions in a slow store are all taken, and none is lost while others are`, async () => {
    const clock = new ManualClock()
    const a = new Worker(clock, new MemoryStore(clock, byPresence), names(300), 'a')
    a.slowness = [100, 100]
    void a.keeper.start()
    for (let i = 0; i < 300; i++) {
      const before = a.owned.size
      await clock.advance(50)
      assert.ok(a.owned.size >= before)
    }
    assert.is(a.owned.size, 300)
    assert.is(a.lost, 0)
    const stopped = a.keeper.stop()
    await clock.advance(TTL)
    await stopped
    assert.is(clock.running, 0)
  })
}

test('a first look that fails begins nothing', async () => {
  const clock = new ManualClock()
  const a = new Worker(clock, new MemoryStore(clock), names(2), 'a')
  a.cut = true
  let failed = false
  await a.keeper.start().catch(() => (failed = true))
  assert.ok(failed)
  assert.is(clock.running, 0)
})

test('shares add up to all partitions and differ by one at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 20 }), (count, size) => {
      const members = names(size).map((name) => name.padStart(3, '0'))
      const rooms = members.map((me) => movesOf(me, names(count), { members, owners: new Map() }, [], new Set()).room)
      assert.is(
        rooms.reduce((sum, room) => sum + room, 0),
        count,
      )
      assert.ok(Math.max(...rooms) - Math.min(...rooms) <= 1)
    }),
  )
})

test('names of members sort by their age', () => {
  assert.ok(memberName(Date.now(), 'z') < memberName(Date.now() + 1, 'a'))
})

type Step = { act: 'join' | 'kill' | 'leave' | 'cut' | 'mend'; who: number } | { act: 'wait'; time: number }

const steps = fc.array(
  fc.oneof(
    fc.record({
      act: fc.constantFrom('join' as const, 'kill' as const, 'leave' as const, 'cut' as const, 'mend' as const),
      who: fc.nat(5),
    }),
    fc.record({ act: fc.constant('wait' as const), time: fc.integer({ min: 1, max: 2 * TTL }) }),
  ),
  { maxLength: 25 },
)

/** Whether no partition has two owners that both believe in it. */
function assertOneOwnerEach(workers: Iterable<Worker>): void {
  const seen = new Set<string>()
  for (const { owned } of workers) {
    for (const partition of owned) {
      assert.not.ok(seen.has(partition), `${partition} has two owners`)
      seen.add(partition)
    }
  }
}

async function play(partitions: number, drain: number, script: readonly Step[]): Promise<void> {
  const clock = new ManualClock()
  const store = new MemoryStore(clock)
  const alive = new Map<number, Worker>()
  const stops: Promise<void>[] = []
  let made = 0
  for (const step of script) {
    if (step.act === 'wait') {
      for (let left = step.time; left > 0; left -= 100) {
        await clock.advance(Math.min(left, 100))
        assertOneOwnerEach(alive.values())
      }
      continue
    }
    const worker = alive.get(step.who)
    if (step.act === 'join' && worker === undefined) {
      const fresh = new Worker(clock, store, names(partitions), memberName(made++, String(step.who)), drain)
      alive.set(step.who, fresh)
      await fresh.keeper.start()
    } else if (worker !== undefined) {
      if (step.act === 'cut' || step.act === 'mend') worker.cut = step.act === 'cut'
      if (step.act === 'kill') worker.cut = true // a dead one reaches nothing more, and its rows are nobody's
      if (step.act === 'kill') alive.delete(step.who)
      if (step.act === 'leave') stops.push(worker.keeper.stop())
      if (step.act === 'leave') alive.delete(step.who)
    }
    assertOneOwnerEach(alive.values())
  }
  for (const worker of alive.values()) worker.cut = false
  await clock.advance(4 * TTL + 2 * drain)
  assertOneOwnerEach(alive.values())
  const sizes = [...alive.values()].map(({ owned }) => owned.size)
  if (sizes.length > 0) {
    assert.is(
      sizes.reduce((sum, size) => sum + size, 0),
      partitions,
    )
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `shares ${sizes}`)
  }
}

test('whatever comes, dies, leaves or is cut off: never two owners, and in the end fair shares of all', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.constantFrom(0, 500), steps, play), {
    numRuns: 60,
  })
})

const slowSteps = fc.array(
  fc.oneof(
    fc.record({ act: fc.constantFrom('join' as const, 'kill' as const, 'leave' as const), who: fc.nat(3) }),
    fc.record({ act: fc.constant('wait' as const), time: fc.integer({ min: 1, max: TTL }) }),
  ),
  { maxLength: 15 },
)
const slowness = fc.tuple(fc.integer({ min: 0, max: TTL / 16 }), fc.integer({ min: 0, max: TTL / 16 }))

async function playSlowly(
  partitions: number,
  byPresence: boolean,
  slownesses: readonly (readonly [number, number])[],
  script: readonly Step[],
): Promise<void> {
  const clock = new ManualClock()
  const store = new MemoryStore(clock, byPresence)
  const alive = new Map<number, Worker>()
  let made = 0
  const wait = async (time: number) => {
    for (let left = time; left > 0; left -= 50) {
      await clock.advance(Math.min(left, 50))
      assertOneOwnerEach(alive.values())
    }
  }
  for (const step of script) {
    const worker = step.act === 'wait' ? undefined : alive.get(step.who)
    if (step.act === 'wait') await wait(step.time)
    else if (step.act === 'join' && worker === undefined) {
      const fresh = new Worker(clock, store, names(partitions), memberName(made++, String(step.who)))
      fresh.slowness = slownesses[step.who]!
      alive.set(step.who, fresh)
      void fresh.keeper.start().catch(() => undefined) // killed on its way
    } else if (worker !== undefined && step.act !== 'join') {
      if (step.act === 'kill') worker.cut = true
      if (step.act === 'leave') void worker.keeper.stop()
      alive.delete(step.who)
    }
  }
  await wait(12 * TTL)
  const sizes = [...alive.values()].map(({ owned }) => owned.size)
  if (sizes.length === 0) return
  assert.is(
    sizes.reduce((sum, size) => sum + size, 0),
    partitions,
  )
  assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `shares ${sizes}`)
  for (const { lost } of alive.values()) assert.is(lost, 0)
}

test('however slow the store is: never two owners, no lease lost, and in the end fair shares of all', async () => {
  const slownesses = fc.array(slowness, { minLength: 4, maxLength: 4 })
  const partitions = fc.constantFrom(1, 7, 40, 100)
  await fc.assert(fc.asyncProperty(partitions, fc.boolean(), slownesses, slowSteps, playSlowly), { numRuns: 40 })
})

test.run()
