import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { history, World } from '../support/consume/history.ts'
import { type Event, idsOf } from '../support/consume/rig.ts'

const test = suite('whatever happens to workers')
const numRuns = Number(process.env['RUNS'] ?? 100)

function letters(world: World): void {
  const { log, bad, unreadable, store } = world
  for (const { partition, position } of unreadable) {
    assert.ok(
      log.letters.some((letter) => letter.partition === partition && letter.position === position),
      `message ${position} of ${partition} is neither read nor put aside`,
    )
  }
  const written = new Set(idsOf(store.appended.get('events')))
  for (const id of bad) assert.not.ok(written.has(id))
}

function valuesOf({ store }: World): Map<number, number> {
  const rows = [...(store.keyed.get('states')?.values() ?? [])] as Event[]
  return new Map(rows.map(({ id, value }) => [id, value!] as const).sort(([a], [b]) => a - b))
}

function sorted(map: ReadonlyMap<number, number>): Map<number, number> {
  return new Map([...map].sort(([a], [b]) => a - b))
}

test('positions in the database: nothing is lost, doubled, or stale, zombies included', async () => {
  await fc.assert(
    fc.asyncProperty(history(true), async ({ steps, fates }) => {
      const world = new World('database', true, {})
      await world.live(steps, fates)
      for (const partition of ['a', 'b']) {
        const wanted = world.events.filter((event) => event.partition === partition).map(({ id }) => id)
        const ours = new Set(wanted)
        const written = idsOf(world.store.appended.get('events')).filter((id) => ours.has(id))
        assert.equal(written, wanted)
      }
      assert.equal(valuesOf(world), sorted(world.states))
      letters(world)
      assert.is(world.clock.running, 0, 'timers that nobody stopped')
    }),
    { numRuns },
  )
})

test('acknowledged to the broker: nothing is lost, and with one owner at a time nothing is stale', async () => {
  await fc.assert(
    fc.asyncProperty(history(false), async ({ steps, fates }) => {
      const world = new World('broker', false, {})
      await world.live(steps, fates)
      const written = new Set(idsOf(world.store.appended.get('events')))
      assert.equal(
        world.events.filter(({ id }) => !written.has(id)),
        [],
      )
      assert.equal(valuesOf(world), sorted(world.states))
      letters(world)
      for (const partition of ['a', 'b']) {
        assert.is(world.log.acknowledged.get(partition) ?? 0, world.log.of(partition).length)
      }
      assert.is(world.clock.running, 0, 'timers that nobody stopped')
    }),
    { numRuns },
  )
})

test.run()
