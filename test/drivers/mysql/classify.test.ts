import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { classify } from '../../../src/drivers/mysql/classify.ts'

const classifying = suite('errors of MySQL')

function serverError(errno: number, sqlState: string): Error {
  return Object.assign(new Error('on purpose'), { errno, sqlState, code: 'ER_SOMETHING' })
}

classifying('by error number', () => {
  const known: Record<string, readonly number[]> = {
    duplicate_key: [1062, 1586, 1242],
    constraint: [1048, 1364, 1451, 1452, 1644, 3819, 4025],
    invalid_data: [1264, 1265, 1292, 1366, 1406, 3140, 1153],
    deadlock: [1213, 1020],
    lock_timeout: [1205, 3572],
    timeout: [1317, 1969, 3024],
    connection: [1040, 1053, 1927, 2006, 2013],
    io: [3, 29, 126, 130, 145, 1016, 1017, 1030, 1812, 1814, 1877],
    schema: [1049, 1054, 1146, 1906, 3105],
    syntax: [1064, 1136],
    permission: [1044, 1045, 1142, 1143, 1227],
    read_only: [1290, 1792, 1836],
    out_of_space: [20, 135, 1021, 1114],
    non_retryable: [1461],
  }
  for (const [reason, numbers] of Object.entries(known)) {
    for (const errno of numbers) {
      const generated = (errno === 1906 || errno === 3105) && { isolate: false }
      assert.equal(classify(serverError(errno, 'HY000')), { reason, code: String(errno), ...generated })
    }
  }
})

classifying('what a trigger raises is its own, whatever number it chose', () => {
  for (const errno of [1, 20, 126, 1030, 1205, 1644, 30_001]) {
    assert.is(classify(serverError(errno, '45000'))?.reason, 'constraint')
  }
})

classifying('a number nobody knows is judged by the class of its SQLSTATE', () => {
  const states = {
    '45000': 'constraint',
    '23000': 'constraint',
    '22001': 'invalid_data',
    '08S01': 'connection',
    '42000': 'syntax',
    ZZ001: 'unknown',
  }
  for (const [state, reason] of Object.entries(states)) assert.is(classify(serverError(9999, state))?.reason, reason)
})

classifying('what the client says', () => {
  const coded = (code: string) => Object.assign(new Error('on purpose'), { code, errno: -111 })
  assert.equal(classify(coded('ECONNREFUSED')), { reason: 'connection', code: 'ECONNREFUSED' })
  assert.equal(classify(coded('PROTOCOL_CONNECTION_LOST')), { reason: 'connection', code: 'PROTOCOL_CONNECTION_LOST' })
  assert.equal(classify(new Error("Can't add new command when connection is in closed state")), {
    reason: 'connection',
  })
  assert.equal(classify(new Error('Pool is closed.')), {
    reason: 'non_retryable',
    isolate: false,
    detail: 'the pool was ended before flow.close()',
  })
})

classifying('what is not known is left to others', () => {
  for (const thrown of [new Error('something else'), 'text', undefined, { errno: 1062 }]) {
    assert.is(classify(thrown), undefined)
  }
})

classifying.run()
