import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EncodeError } from '../../../src/drivers/kit/encode-error.ts'
import { classify } from '../../../src/drivers/postgres/classify.ts'
import { isServerError } from '../../../src/drivers/postgres/client.ts'

const classifying = suite('classify')

const BY_CODE: Record<string, readonly string[]> = {
  connection: [
    '08000',
    '08006',
    '57P01',
    '57P02',
    '57P03',
    '57P05',
    '53300',
    '40003',
    'ECONNREFUSED',
    'EPIPE',
    'ETIMEDOUT',
  ],
  constraint: ['23502', '23503', '23514', '23P01', '23000', '40002', '44000', '09000', '27000', 'P0001'],
  deadlock: ['40P01', '40001', '40000'],
  duplicate_key: ['23505', '21000'],
  invalid_data: ['22001', '22003', '22P02', '22P03', '22021', '08P01', '54000'],
  io: ['58030', '58P01', '53200', '53000', 'XX001', 'XX002'],
  lock_timeout: ['55P03', '55006'],
  non_retryable: ['0A000', '55000', '57P04', '26000', '25001', '38000'],
  out_of_space: ['53100', '53400'],
  permission: ['42501', '28000', '28P01', '0L000', '0P000', 'EACCES'],
  read_only: ['25006'],
  schema: ['42703', '42P01', '42P10', '428C9', '3D000', '3F000'],
  syntax: ['42601', '42804', '54001', '54011'],
  timeout: ['57014', '25P03', '25P04'],
}

for (const [reason, codes] of Object.entries(BY_CODE)) {
  classifying(`${reason}: ${codes.join(' ')}`, () => {
    for (const code of codes) {
      assert.equal(
        classify(Object.assign(new Error('anything'), { code })),
        {
          reason,
          ...(reason === 'schema' && { detail: 'anything' }),
          ...(code === '53400' && { outage: false }), // a limit of one session
        },
        code,
      )
    }
  })
}

const BY_TEXT: Record<string, readonly string[]> = {
  connection: [
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Connection terminated before the statement was sent',
    'timeout exceeded when trying to connect',
    'timeout expired',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
  ],
  timeout: ['Query read timeout'],
  permission: [
    'The server does not support SSL connections',
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
  ],
}

for (const [reason, messages] of Object.entries(BY_TEXT)) {
  classifying(`${reason}, by what pg says`, () => {
    for (const message of messages) assert.equal(classify(new Error(message)), { reason }, message)
  })
}

classifying('a pool that was ended says so plainly', () => {
  const { reason, isolate, detail } = classify(new Error('Cannot use a pool after calling end on the pool'))!
  assert.equal([reason, isolate, detail], ['non_retryable', false, 'the pool was ended before flow.close()'])
})

classifying('a code counts more than the text', () => {
  assert.equal(classify(Object.assign(new Error('Connection terminated'), { code: '23505' })), {
    reason: 'duplicate_key',
  })
})

classifying('what could not be encoded is invalid data', () => {
  assert.equal(classify(new EncodeError('anything')), { reason: 'invalid_data' })
})

classifying('what it does not know it leaves to others', () => {
  for (const error of [
    new Error('?'),
    Object.assign(new Error('?'), { code: 'ZZ999' }),
    'text',
    undefined,
    null,
    { code: 5 },
  ]) {
    assert.is(classify(error), undefined)
  }
})

classifying('a broken pipe has a code of five characters, and is no answer of the server', () => {
  assert.not(isServerError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })))
  assert.ok(isServerError(Object.assign(new Error('x'), { code: '23505', severity: 'ERREUR' })))
})

classifying.run()
