import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import type { KafkaMessage, KafkaProducer } from '../../../src/sources/kafka/client.ts'
import { KafkaLog } from '../../../src/sources/kafka/kafka-log.ts'
import type { LogMessage } from '../../../src/sources/kit/log-driver.ts'
import { thrownBy } from '../../support/assertions.ts'

const log = suite('kafka: log')

const never = new AbortController().signal

/**
 * A double, as a broker that takes part of what it is sent, or answers too late, cannot be had at will: `answers` are what the
 * sends come to, in turn; then all is well.
 */
function rig(...answers: (() => Promise<unknown>)[]) {
  const sent: string[][] = []
  let names = 0
  let forgotten = 0
  const producer = {
    send({ messages }: { messages: readonly KafkaMessage[] }) {
      sent.push(messages.map(({ partition, value }) => `${partition}:${value.toString().slice(0, 4)}`))
      return answers.shift()?.() ?? Promise.resolve()
    },
    async initIdempotentProducer() {
      names++
    },
    clearMetadata() {
      forgotten++
    },
  } as unknown as KafkaProducer
  const bootstrapBrokers = ['kafka-1:9093']
  const options = { topic: 'rows', partitions: 4, producer, bootstrapBrokers, maxBatchBytes: 1000 }
  return { made: new KafkaLog(options), options, sent, names: () => names, forgotten: () => forgotten }
}

function message(partition: number, body: string): LogMessage {
  return { partition, key: undefined, headers: {}, body }
}

const network = () => Promise.reject(Object.assign(new Error('Connection closed'), { code: 'PLT_KFK_NETWORK' }))
const protocol = (apiId: string, more: object = {}) => Promise.reject(refusal(apiId, more))
const refusal = (apiId: string, more: object = {}) =>
  Object.assign(new Error(apiId), { code: 'PLT_KFK_RESPONSE', errors: [{ apiId }], ...more })
/** As a broker answers that refuses some partitions, by their error codes. */
const refused = (apiId: string, codes: Record<number, number>) => {
  const partitionResponses = Object.entries(codes).map(([index, errorCode]) => ({ index: Number(index), errorCode }))
  return refusal(apiId, { response: { responses: [{ name: 'rows', partitionResponses }] } })
}

log('no partition gets more at a time than it takes', async () => {
  const { made, sent } = rig()
  await made.send([message(0, 'a'.repeat(600)), message(1, 'b'.repeat(600)), message(0, 'c'.repeat(600))], never, '1')
  assert.equal(sent, [['0:aaaa', '1:bbbb'], ['0:cccc']])
})

log('what comes again is the very same, without what was taken', async () => {
  const produced = { offsets: [{ topic: 'rows', partition: 1, offset: 0n }] }
  const { made, sent, names } = rig(() => protocol('NOT_LEADER_OR_FOLLOWER', { produced }))
  const messages = [message(0, 'a'), message(1, 'b'), message(0, 'c')]
  const error = await thrownBy(() => made.send(messages, never, '1'))
  assert.ok(error instanceof AttemptError)
  assert.not.ok(error.ambiguous)
  assert.is(await made.send(messages, never, '1'), undefined)
  assert.equal(sent, [
    ['0:a', '1:b', '0:c'],
    ['0:a', '0:c'],
  ])
  assert.is(names(), 0)
})

log('a batch after one that was given up comes under another name: its numbers may have been used', async () => {
  const { made, names } = rig(network)
  const error = await thrownBy(() => made.send([message(0, 'a')], never, '1'))
  assert.ok(error instanceof AttemptError && error.ambiguous)
  await made.send([message(0, 'b')], never, '2')
  await made.send([message(0, 'c')], never, '3')
  assert.is(names(), 1)
})

log('before the numbers of a producer run out it gets another name, where nothing of it is under way', async () => {
  const { made, names } = rig()
  for (let id = 0; id < 5; id++) await made.send([message(0, 'a'), message(1, 'b')], never, `${id}`)
  assert.is(names(), 0)
  const renewed = rig()
  const busy = new KafkaLog({ ...renewed.options, mostNumbers: 4 })
  for (let id = 0; id < 5; id++) await busy.send([message(0, 'a'), message(1, 'b')], never, `${id}`)
  assert.is(renewed.names(), 2)
})

log('a broker that has forgotten the producer is told another name before anything is sent again', async () => {
  const { made, names } = rig(() => protocol('OUT_OF_ORDER_SEQUENCE_NUMBER'))
  await thrownBy(() => made.send([message(0, 'a')], never, '1'))
  await made.send([message(0, 'a')], never, '1')
  assert.is(names(), 1)
})

log('an attempt that is given up goes on, and the next one hears what it came to', async () => {
  let answer = () => {}
  const { made, sent } = rig(() => new Promise<void>((resolve) => (answer = resolve)))
  const controller = new AbortController()
  const first = made.send([message(0, 'a')], controller.signal, '1')
  controller.abort(new Error('too long'))
  const error = await thrownBy(() => first)
  assert.ok(error instanceof AttemptError && error.ambiguous)
  const second = made.send([message(0, 'a')], never, '1')
  await new Promise(setImmediate)
  answer()
  await second
  assert.equal(sent, [['0:a']])
})

log('the next batch waits for one that is still under way', async () => {
  let answer = () => {}
  const { made, sent, names } = rig(() => new Promise<void>((resolve) => (answer = resolve)))
  const controller = new AbortController()
  const first = made.send([message(0, 'a')], controller.signal, '1')
  controller.abort(new Error('too long'))
  await thrownBy(() => first)
  const second = made.send([message(0, 'b')], never, '2')
  await new Promise(setImmediate)
  assert.equal(sent, [['0:a']])
  answer()
  await second
  assert.equal(sent, [['0:a'], ['0:b']])
  assert.is(names(), 0) // it was taken after all
})

log('what a broker does not take for its size is halved until it stands alone', async () => {
  const tooLarge = () => protocol('MESSAGE_TOO_LARGE')
  const { made, sent } = rig(tooLarge, () => Promise.resolve(), tooLarge, tooLarge)
  const messages = ['a', 'b', 'c', 'd'].map((body) => message(0, body))
  const failures = await made.send(messages, never, '1')
  assert.equal(
    failures?.map(({ index }) => index),
    [2],
  )
  assert.equal(sent, [['0:a', '0:b', '0:c', '0:d'], ['0:a', '0:b'], ['0:c', '0:d'], ['0:c'], ['0:d']])
  assert.is(made.classify(failures?.[0]?.error)?.reason, 'invalid_data')
})

log(
  'only what is too large is halved: the rest comes again as it was, for brokers that have it to know it by',
  async () => {
    const { made, sent, names } = rig(() => {
      const errors = [
        refused('MESSAGE_TOO_LARGE', { 0: 10, 1: 0 }),
        Object.assign(new Error(), { code: 'PLT_KFK_NETWORK' }),
      ]
      return Promise.reject(Object.assign(new Error('failed'), { errors }))
    })
    const messages = [message(0, 'a'), message(1, 'b'), message(2, 'c'), message(0, 'd'), message(1, 'e')]
    assert.is(await made.send(messages, never, '1'), undefined)
    assert.equal(sent.slice(1), [['1:b', '2:c', '1:e'], ['0:a'], ['0:d']])
    assert.is(names(), 0)
  },
)

log(
  'an answer that the client cannot read tells of no row: all is sent again as it was, to whoever leads now',
  async () => {
    const unread = Object.assign(new Error('Out of bounds.'), { code: 'OUT_OF_BOUNDS' })
    const { made, sent, forgotten } = rig(() => Promise.reject(Object.assign(new Error(), { errors: [unread] })))
    const error = await thrownBy(() => made.send([message(0, 'a')], never, '1'))
    assert.ok(error instanceof AttemptError && error.ambiguous)
    assert.equal(made.classify(error.cause), { reason: 'io', isolate: false, outage: true })
    assert.is(forgotten(), 1)
    await made.send([message(0, 'a')], never, '1')
    assert.equal(sent, [['0:a'], ['0:a']])
  },
)

log('a broker that cannot be reached was sent nothing', async () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  const { made } = rig(() =>
    Promise.reject(Object.assign(new Error('failed'), { code: 'PLT_KFK_NETWORK', cause: refused })),
  )
  const error = await thrownBy(() => made.send([message(0, 'a')], never, '1'))
  assert.ok(error instanceof AttemptError && error.unreachable && !error.ambiguous)
})

log('what errors mean', () => {
  const { made } = rig()
  const reasonOf = (apiId: string) => made.classify({ errors: [{ apiId }] })
  assert.is(reasonOf('TOPIC_AUTHORIZATION_FAILED')?.reason, 'permission')
  assert.is(reasonOf('REQUEST_TIMED_OUT')?.reason, 'timeout')
  assert.is(reasonOf('UNKNOWN_TOPIC_OR_PARTITION')?.reason, 'schema')
  assert.is(reasonOf('NOT_ENOUGH_REPLICAS')?.retryable, true)
  assert.is(made.classify({ code: 'PLT_KFK_USER' }), undefined)
  assert.equal(made.target, { address: 'kafka-1', port: 9093 })
})

log.run()
