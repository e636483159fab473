import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assign, type Claim, decodeClaim, encodeClaim } from '../../../src/sources/kafka/assignment.ts'

const assignment = suite('kafka: assignment')

function claims(owned: Record<string, readonly number[]>): Map<string, Claim> {
  return new Map(Object.entries(owned).map(([member, of]) => [member, { owned: of, generation: 1, count: 0 }]))
}

assignment('the first members share what nobody has', () => {
  const shares = assign(claims({ a: [], b: [] }), 5)
  assert.equal(Object.fromEntries(shares), { a: [0, 1, 2], b: [3, 4] })
})

assignment('a partition that moves is given to nobody before its owner has put it down', () => {
  const first = assign(claims({ a: [0, 1, 2, 3], b: [] }), 4)
  assert.equal(Object.fromEntries(first), { a: [0, 1], b: [] })
  const second = assign(claims({ a: [0, 1], b: [] }), 4)
  assert.equal(Object.fromEntries(second), { a: [0, 1], b: [2, 3] })
})

assignment('the partitions of a member that is gone go on at once, and nobody loses one for it', () => {
  const shares = assign(claims({ a: [0, 1], b: [2, 3] }), 6)
  assert.equal(Object.fromEntries(shares), { a: [0, 1, 4], b: [2, 3, 5] })
})

assignment('two claims to one partition: the later one holds', () => {
  const both = new Map([
    ['a', { owned: [0, 1], generation: 3, count: 2 }],
    ['b', { owned: [1], generation: 4, count: 2 }],
  ])
  assert.equal(Object.fromEntries(assign(both, 2)), { a: [0], b: [1] })
})

assignment('partitions that are not there, and more members than partitions', () => {
  assert.equal(Object.fromEntries(assign(claims({ a: [7], b: [], c: [] }), 2)), { a: [0], b: [1], c: [] })
})

assignment('whatever members come and go, no partition has two owners, and two rounds later all are shared', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 20 }), (groups, count) => {
      let owned = new Map<string, number[]>()
      for (const members of groups) owned = round(owned, members, count)
      const last = groups.at(-1) ?? []
      owned = round(owned, last, count)
      owned = round(owned, last, count)
      const shares = [...owned.values()]
      assert.equal(
        shares.flat().sort((a, b) => a - b),
        Array.from({ length: count }, (_, index) => index),
      )
      const sizes = shares.map(({ length }) => length)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `${sizes}`)
      assert.equal(round(owned, last, count), owned, 'nothing moves any more')
    }),
  )
})

/** Nobody may get what another one still claimed. */
function round(owned: ReadonlyMap<string, number[]>, members: readonly string[], count: number): Map<string, number[]> {
  const claims = new Map(members.map((name) => [name, { owned: owned.get(name) ?? [], generation: 1, count }]))
  const shares = assign(claims, count)
  const sorted = new Map([...shares].map(([name, share]) => [name, share.sort((a, b) => a - b)]))
  for (const [name, share] of sorted) {
    for (const partition of share) {
      const owner = [...claims].find(([, claim]) => claim.owned.includes(partition))?.[0]
      assert.ok(owner === undefined || owner === name, `${partition} is ${owner}'s`)
    }
  }
  return sorted
}

assignment('a claim survives the wire; whoever says something else claims nothing', () => {
  const claim = { owned: [1, 2], generation: 7, count: 8 }
  assert.equal(decodeClaim(encodeClaim(claim)), claim)
  for (const strange of [null, undefined, '', 'x', 'null', '{}', '{"owned":3}', Buffer.from([0, 1, 2])]) {
    assert.equal(decodeClaim(strange).owned, [])
  }
  assert.equal(decodeClaim('{"owned":[1,"2",null]}'), { owned: [1], generation: 0, count: 0 })
})

assignment.run()
