import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Holdings } from '../../../src/sources/kafka/holdings.ts'

const holdings = suite('kafka: holdings')

/** Notes what happens; what is put down stays in flight until `settle` is called. */
function rig() {
  const log: string[] = []
  const flying = new Map<string, () => void>()
  const held = new Holdings({
    gained: (partition) => log.push(`+${partition}`),
    parted(partition, lost) {
      log.push(`${lost ? '!' : '-'}${partition}`)
      return new Promise((resolve) => flying.set(`${lost ? '!' : '-'}${partition}`, resolve))
    },
    released: () => log.push('released'),
  })
  const settle = async (what: string) => {
    flying.get(what)?.()
    await new Promise(setImmediate)
  }
  const told = () => log.splice(0).join(' ')
  return { held, settle, told }
}

holdings('what goes is claimed until nothing of it is in flight', async () => {
  const { held, settle, told } = rig()
  held.joined('me', 1, [0, 1, 2])
  assert.is(told(), '+0 +1 +2')
  held.joined('me', 2, [0])
  assert.is(told(), '-1 -2')
  assert.equal(held.claimOf('me'), { owned: [0, 1, 2], generation: 2 })
  await settle('-2')
  assert.is(told(), 'released')
  assert.equal(held.claimOf('me').owned, [0, 1])
  await settle('-1')
  assert.is(told(), 'released')
  assert.equal(held.claimOf('me').owned, [0])
})

holdings('what stays is not touched, nor what is on its way out already', async () => {
  const { held, told } = rig()
  held.joined('me', 1, [0, 1])
  held.joined('me', 2, [0])
  told()
  held.joined('me', 3, [0])
  assert.is(told(), '')
})

holdings('what comes back while it is put down is begun anew', async () => {
  const { held, settle, told } = rig()
  held.joined('me', 1, [0])
  held.joined('me', 2, [])
  held.joined('me', 3, [0])
  assert.is(told(), '+0 -0')
  await settle('-0')
  assert.is(told(), '+0')
})

holdings('under another name nothing is ours any more', async () => {
  const { held, settle, told } = rig()
  held.joined('me', 1, [0, 1])
  told()
  assert.equal(held.claimOf('other').owned, [])
  assert.equal(held.claimOf(null).owned, [])
  held.joined('other', 5, [1])
  assert.is(told(), '!0 !1')
  await settle('!0')
  assert.is(told(), '')
  await settle('!1')
  assert.is(told(), '+1')
  assert.equal(held.claimOf('other'), { owned: [1], generation: 5 })
})

holdings('what is lost while it is put down is given up', async () => {
  const { held, settle, told } = rig()
  held.joined('me', 1, [0])
  held.joined('me', 2, [])
  held.forfeit()
  assert.is(told(), '+0 -0 !0')
  assert.equal(held.claimOf('me').owned, [])
  await settle('-0')
  assert.ok(held.has(0))
  await settle('!0')
  assert.not.ok(held.has(0))
  assert.is(told(), '')
})

holdings('leaving puts everything down once, and takes nothing any more', async () => {
  const { held, settle, told } = rig()
  held.joined('me', 1, [0, 1])
  held.joined('me', 2, [0])
  told()
  let left = false
  const leaving = held.leave().then(() => {
    left = true
  })
  held.joined('me', 3, [0, 1, 2])
  assert.is(told(), '-0')
  await settle('-1')
  assert.not.ok(left)
  await settle('-0')
  await leaving
  assert.is(told(), '')
})

holdings.run()
