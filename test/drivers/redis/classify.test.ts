import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EncodeError } from '../../../src/drivers/kit/encode-error.ts'
import { classify } from '../../../src/drivers/redis/classify.ts'
import {
  ClientEndedError,
  ConnectionLostError,
  KeyExistsError,
  NotSentError,
} from '../../../src/drivers/redis/outcome.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'

const replies: Record<string, string> = {
  "OOM command not allowed when used memory > 'maxmemory'.": 'out_of_space',
  "READONLY You can't write against a read only replica.": 'read_only',
  "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write.": 'read_only',
  'LOADING Redis is loading the dataset in memory': 'connection',
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": 'connection',
  'CLUSTERDOWN Hash slot not served': 'connection',
  'TRYAGAIN Multiple keys request during rehashing of slot': 'connection',
  'MOVED 3999 127.0.0.1:6381': 'connection',
  'ASK 3999 127.0.0.1:6381': 'connection',
  'ERR max number of clients reached': 'connection',
  'NOREPLICAS Not enough good replicas to write.': 'connection',
  'BUSY Redis is busy running a script.': 'timeout',
  'NOAUTH Authentication required.': 'permission',
  'WRONGPASS invalid username-password pair or user is disabled.': 'permission',
  "NOPERM User writer has no permissions to run the 'set' command": 'permission',
  'DENIED Redis is running in protected mode': 'permission',
  'WRONGTYPE Operation against a key holding the wrong kind of value': 'constraint',
  "ERR unknown command 'NOSUCH', with args beginning with: ": 'syntax',
  "ERR wrong number of arguments for 'set' command": 'syntax',
  'ERR syntax error': 'syntax',
  "CROSSSLOT Keys in request don't hash to the same slot": 'syntax',
  'ERR value is not an integer or out of range': 'invalid_data',
  'ERR hash value is not an integer': 'invalid_data',
  'ERR value is not a valid float': 'invalid_data',
  'ERR increment or decrement would overflow': 'invalid_data',
  "ERR invalid expire time in 'set' command": 'invalid_data',
  'ERR string exceeds maximum allowed size (proto-max-bulk-len)': 'invalid_data',
  'ERR The ID specified in XADD is equal or smaller than the target stream top item': 'duplicate_key',
  'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.': 'io',
  'NOSCRIPT No matching script. Please use EVAL.': 'io',
}

for (const [message, reason] of Object.entries(replies)) {
  test(`${reason}: ${message}`, () => {
    assert.equal(classify(new Error(message)), { reason })
  })
}

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' })
}

const prefixes: Record<string, string | undefined> = {
  'WRONGTYPE Operation against a key holding the wrong kind of value': 'WRONGTYPE',
  "OOM command not allowed when used memory > 'maxmemory'.": 'OOM',
  'ERR value is not an integer or out of range': 'ERR',
  "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write.": 'READONLY',
  READONLY: undefined,
  'Wrongtype something': undefined,
  'SECRET1 invalid': undefined,
  "O'HARA invalid": undefined,
  'TSDB: the key does not exist': undefined,
  'AVERYLONGWORDTHATISNOPREFIXATALL invalid': undefined,
}

test('the code of an error reply is its prefix', () => {
  for (const [message, code] of Object.entries(prefixes)) {
    assert.is(classify(reply(message))?.code, code, message)
  }
})

test('a reply with a prefix nobody knows is unknown, but not nameless', () => {
  assert.equal(classify(reply('NEWCODE something')), { reason: 'unknown', code: 'NEWCODE' })
  assert.is(classify(reply('something')), undefined)
})

test('what no server said has no prefix', () => {
  assert.equal(classify(new Error('OOM command not allowed')), { reason: 'out_of_space' })
})

test('what ioredis says by itself', () => {
  const texts = [
    'Connection is closed.',
    'Command aborted due to connection close',
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Reached the max retries per request limit (which is 20). Refer to "maxRetriesPerRequest" option for details.',
    'None of startup nodes is available',
    'Failed to refresh slots cache.',
    "Cluster isn't ready and enableOfflineQueue options is false",
  ]
  for (const text of texts) assert.is(classify(new Error(text))?.reason, 'connection', text)
})

test("the network's codes", () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'EHOSTUNREACH']) {
    assert.is(classify(Object.assign(new Error('connect'), { code }))?.reason, 'connection', code)
  }
})

test('our own errors', () => {
  assert.is(classify(new EncodeError('x'))?.reason, 'invalid_data')
  assert.is(classify(new KeyExistsError())?.reason, 'duplicate_key')
  assert.is(classify(new NotSentError('x'))?.reason, 'connection')
  assert.is(classify(new ClientEndedError())?.detail, 'the connection to Redis was ended before flow.close()')
  assert.is(classify(new ConnectionLostError())?.reason, 'connection')
  assert.is(classify(new OptionError('x'))?.reason, 'non_retryable')
})

test('what nobody knows stays unknown', () => {
  for (const error of [new Error('ERR something new'), new Error('CONSTRUCTOR x'), 'text', null, undefined]) {
    assert.is(classify(error), undefined)
  }
})

test.run()
