import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keyPositions } from '../../../src/drivers/redis/key-positions.ts'

/** What the server itself says about each writing command is checked in `test/live/redis-commands.test.ts`. */
function at(command: string, ...args: unknown[]): readonly number[] {
  return keyPositions(command)(args)
}

test('keys are where the command has them', () => {
  assert.equal(at('set', 'k', 'v'), [0])
  assert.equal(at('ping'), [])
  assert.equal(at('publish', 'channel', 'text'), [])
  assert.equal(at('del', 'a', 'b'), [0, 1])
  assert.equal(at('mset', 'a', 1, 'b', 2), [0, 2])
  assert.equal(at('rename', 'a', 'b'), [0, 1])
  assert.equal(at('bitop', 'AND', 'a', 'b'), [1, 2])
  assert.equal(at('xgroup', 'CREATE', 's', 'g', '$'), [1])
  assert.equal(at('evalsha', 'sha', 2, 'a', 'b', 'x'), [2, 3])
  assert.equal(at('eval', 'return 1', 9, 'a'), [2])
  assert.equal(at('eval', 'return 1', 'x'), [])
  assert.equal(at('zunionstore', 'to', 2, 'a', 'b', 'WEIGHTS'), [0, 2, 3])
  assert.equal(at('constructor', 'k'), [0])
})

test('the first argument of some commands counts their keys', () => {
  assert.equal(at('lmpop', 2, 'a', 'b', 'LEFT'), [1, 2])
  assert.equal(at('zmpop', '1', 'a', 'MIN', 'COUNT', 5), [1])
  assert.equal(at('sintercard', 2, 'a', 'b', 'LIMIT', 1), [1, 2])
  assert.equal(at('msetex', 2, 'a', 1, 'b', 2, 'EX', 10), [1, 3])
  assert.equal(at('msetex', 9, 'a', 1), [1])
  assert.equal(at('lmpop'), [])
})

test('a key to store in stands behind its word, unless that word is the value of another option', () => {
  assert.equal(at('sort', 'a', 'LIMIT', 0, 5, 'ALPHA', 'store', 'to'), [0, 6])
  assert.equal(at('sort', 'a', 'STORE'), [0])
  assert.equal(at('georadius', 'a', 1, 2, 3, 'km', 'COUNT', 5, 'STOREDIST', 'to'), [0, 8])
  assert.equal(at('georadiusbymember', 'a', 'STORE', 3, 'km', 'STORE', 'to'), [0, 5])
})

test('patterns of SORT name keys', () => {
  assert.equal(at('sort', 'a', 'BY', 'weight_*', 'GET', '#', 'GET', 'store_*->f', 'STORE', 'to'), [0, 2, 6, 8])
  assert.equal(at('sort', 'a', 'BY', 'nosort', 'GET', 'STORE', 'STORE', 'to'), [0, 6])
})

test('MIGRATE has its one key in the middle, or many at the end', () => {
  assert.equal(at('migrate', 'host', 6379, 'a', 0, 1000), [2])
  assert.equal(at('migrate', 'host', 6379, '', 0, 1000, 'COPY', 'AUTH2', 'ann', 'KEYS', 'KEYS', 'a', 'keys'), [10, 11])
  assert.equal(at('migrate', 'host', 6379, '', 0, 1000), [])
})

test.run()
