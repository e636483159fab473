import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { classify, DisconnectedError, NotStoredError, RefusedError } from '../../../src/sources/nats/errors.ts'
import { Troubles } from '../../../src/sources/nats/troubles.ts'

const test = suite('nats errors')

test('what JetStream says is recognised by its code', () => {
  const full = classify(new RefusedError({ err_code: 10077, description: 'maximum bytes exceeded' }))
  assert.equal(full, { reason: 'out_of_space', code: '10077', isolate: false, retryable: true, outage: true })
  assert.equal(classify(new RefusedError({ err_code: 10054, description: 'too large' })), { reason: 'invalid_data' })
  assert.is(classify(new RefusedError({ err_code: 10059, description: 'stream not found' }))?.reason, 'schema')
  assert.is(classify(new RefusedError({ err_code: 19999, description: 'new' }))?.reason, 'unknown')
})

test('a connection that is away, and JetStream that is not up yet, are waited for', () => {
  for (const error of [new DisconnectedError(), new NotStoredError('a.0')]) {
    assert.equal(classify(error), { reason: 'connection', isolate: false, outage: true })
  }
  assert.is(classify(new Error('something else')), undefined)
})

test('trouble is over when the last of several is', () => {
  const told: (string | undefined)[] = []
  const troubles = new Troubles((error) => told.push(error?.message))
  troubles.told('a', new Error('a'))
  troubles.told('b', new Error('b'))
  troubles.told('a', undefined)
  troubles.told('c', undefined)
  assert.equal(told, ['a', 'b'])
  troubles.told('b', undefined)
  assert.equal(told, ['a', 'b', undefined])
  troubles.close()
  troubles.told('a', new Error('late'))
  assert.is(told.length, 3)
})

test.run()
