import type { NatsConnection } from '@nats-io/transport-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AckLedger } from '../../../src/sources/nats/ack-ledger.ts'

const test = suite('nats acknowledgements')

/** A mock, as the order in which a server delivers and answers is to be chosen. */
function connectionThat(answer: (subject: string) => Promise<void> = async () => undefined) {
  const acks: string[] = []
  const connection = {
    request: (subject: string) => {
      acks.push(subject)
      return answer(subject)
    },
    publish: (subject: string) => void acks.push(`${subject}!`),
  } as unknown as NatsConnection
  return { acks, connection }
}

test('the last message of a prefix is acknowledged for all of it, and once', async () => {
  const { acks, connection } = connectionThat()
  const ledger = new AckLedger(connection, 'c', 4, false)
  for (const sequence of [5, 7, 9]) ledger.received(sequence, `reply.${sequence}`)
  await ledger.acknowledge(7)
  await ledger.acknowledge(7)
  await ledger.acknowledge(3)
  await ledger.acknowledge(9)
  assert.equal(acks, ['reply.7', 'reply.9'])
})

test('a work queue hears of each message', async () => {
  const { acks, connection } = connectionThat()
  const ledger = new AckLedger(connection, 'c', 0, true)
  for (const sequence of [1, 2, 3]) ledger.received(sequence, `reply.${sequence}`)
  await ledger.acknowledge(3)
  assert.equal(acks, ['reply.1!', 'reply.2!', 'reply.3'])
})

test('what an earlier consumer delivered is acknowledged once this one has delivered it', async () => {
  const { acks, connection } = connectionThat()
  const ledger = new AckLedger(connection, 'c', 0, false)
  const acknowledged = ledger.acknowledge(2)
  ledger.received(1, 'reply.1')
  assert.equal(acks, [])
  ledger.received(2, 'reply.2')
  await acknowledged
  assert.equal(acks, ['reply.2'])
})

test('a message that the stream removed meanwhile is acknowledged with those before it', async () => {
  const { acks, connection } = connectionThat()
  const ledger = new AckLedger(connection, 'c', 0, false)
  const acknowledged = ledger.acknowledge(2)
  ledger.received(1, 'reply.1')
  ledger.received(3, 'reply.3')
  await acknowledged
  assert.equal(acks, ['reply.1'])
})

test('who waits hears that the consumer was made anew, and may ask again', async () => {
  const { connection } = connectionThat()
  const ledger = new AckLedger(connection, 'c', 0, false)
  const acknowledged = ledger.acknowledge(2)
  ledger.fail(new Error('anew'))
  await acknowledged.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'anew'),
  )
})

test('a consumer that is no more tells that the partition is gone; what is refused is acknowledged with the next', async () => {
  let error: Error | undefined = new Error('timeout')
  const { acks, connection } = connectionThat(async () => {
    if (error !== undefined) throw error
  })
  const ledger = new AckLedger(connection, 'c', 0, false)
  for (const sequence of [1, 2]) ledger.received(sequence, `reply.${sequence}`)
  await ledger.acknowledge(1).then(
    () => assert.unreachable(),
    (thrown) => assert.is(thrown.message, 'timeout'),
  )
  error = new Error('no responders: reply.2')
  await ledger.acknowledge(2).then(
    () => assert.unreachable(),
    (thrown) => assert.is(thrown.name, 'GoneError'),
  )
  error = undefined
  await ledger.acknowledge(2)
  assert.equal(acks, ['reply.1', 'reply.2', 'reply.2'])
})

test.run()
