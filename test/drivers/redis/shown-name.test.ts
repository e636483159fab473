import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { args } from '../../../src/drivers/redis/index.ts'
import type { Pipeline } from '../../../src/drivers/redis/pipeline.ts'
import { tableOf } from '../../support/databases/redis.ts'
import { commandsOf, plan } from '../../support/databases/redis-commands.ts'

const table = tableOf('t', ['cmd', 'key', 'value'])

function shownOf(cmd: string): Pipeline {
  return plan(table, [{ cmd, key: 'k', value: 'v' }], args())
}

test('words in the place of a command give one name, text and light command, and are sent as they are', () => {
  const words = Array.from({ length: 2000 }, (_, i) => `secret${i}.${i * 7919}`)
  const shown = words.map(shownOf)
  assert.equal([...new Set(shown.map(({ name }) => name))], ['PIPELINE OTHER'])
  assert.equal([...new Set(shown.map(({ text }) => text))], ['OTHER'])
  assert.equal([...new Set(shown.flatMap(({ commands }) => commands))], ['other'])
  assert.equal(
    shown.flatMap((pipeline) => commandsOf(pipeline).map(([name]) => name)),
    words,
  )
})

test('the same for the commands of a function', () => {
  const pipeline = plan(table, [{ cmd: 'password', key: 'k' }], (row: { cmd: string }) => [
    ['INCR', 'n'],
    [row.cmd, 'k'],
    ['JSON.password', 'k'],
    ['constructor', 'k'],
  ])
  assert.equal([pipeline.name, pipeline.text], ['PIPELINE', 'MULTI INCR OTHER EXEC'])
  assert.equal(pipeline.commands, ['multi', 'incr', 'other', 'other', 'other', 'exec'])
})

test('commands of Redis and of its modules are shown by name', () => {
  for (const cmd of ['incrby', 'EVAL', 'Publish', 'JSON.SET', 'bf.madd', 'CF.ADD', 'TS.ADD', 'FT.CREATE', 'TOPK.ADD']) {
    assert.is(shownOf(cmd).name, `PIPELINE ${cmd.toUpperCase()}`)
  }
  for (const cmd of ['CMS.INCRBY', 'TDIGEST.ADD']) assert.is(shownOf(cmd).text, cmd)
})

test.run()
