import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { args, type hash, json, set } from '../../../src/drivers/redis/index.ts'
import { type AnyRow, tableOf } from '../../support/databases/redis.ts'
import { commandsOf, decode, plan } from '../../support/databases/redis-commands.ts'

const columns = ['id', 'a']
const replaced = tableOf('t', columns, { action: 'replace', keys: ['id'] })
const pairs = tableOf('t', ['id', 'a'], { action: 'replace', keys: ['id', 'a'] })
const DATE = '2024-02-29T00:00:00.000Z'

/** As a test runner or a template engine hands it over: of a realm of its own, where `instanceof` knows nothing. */
function foreign(code: string): unknown {
  return runInNewContext(code)
}

function hsetOf(row: AnyRow, table = replaced): Buffer[] {
  return decode(plan(table, [row]).bytes)[2]!
}

function messages(row: AnyRow, mapping?: ReturnType<typeof hash>): string[] {
  return plan(replaced, [row], mapping).failures.map(({ error }) => (error as Error).message)
}

test('dates and bytes of another realm are values like ours', () => {
  assert.is(
    hsetOf({ id: 1, a: foreign(`new Date('${DATE}')`) })
      .at(-1)
      ?.toString(),
    DATE,
  )
  assert.equal(hsetOf({ id: 1, a: foreign('new Uint8Array([0, 200, 13, 10])') }).at(-1), Buffer.from([0, 200, 13, 10]))
  assert.is(
    hsetOf({ id: 1, a: foreign('({ a: [1] })') })
      .at(-1)
      ?.toString(),
    '{"a":[1]}',
  )
  const [[, , document] = []] = commandsOf(
    plan(replaced, [{ id: foreign(`new Date('${DATE}')`), a: foreign('new Uint8Array([104, 105])') }], json()),
  )
  assert.is(document, `{"id":"${DATE}","a":"aGk="}`)
})

test('and keys like ours', () => {
  const key = (row: AnyRow, table = replaced) => hsetOf(row, table)[1]?.toString('latin1')
  assert.is(key({ id: foreign(`new Date('${DATE}')`), a: 1 }), `t:${DATE}`)
  assert.is(key({ id: foreign('new Uint8Array([200, 58])'), a: 1 }), 't:\xc8:')
  assert.is(
    key({ id: foreign('new Uint8Array([200, 58])'), a: foreign(`new Date('${DATE}')`) }, pairs),
    `t:\xc8%3A:${DATE.replaceAll(':', '%3A')}`,
  )
  const own = set<AnyRow>({ key: () => foreign('new Uint8Array([107])') as Uint8Array, value: 'a' })
  assert.equal(commandsOf(plan(replaced, [{ id: 1, a: 'x' }], own)), [['set', 'k', 'x']])
  const command = { cmd: 'SET', key: foreign('new Uint8Array([107])'), value: foreign('new Uint8Array([118])') }
  assert.equal(commandsOf(plan(tableOf('t', ['cmd', 'key', 'value']), [command], args())), [['set', 'k', 'v']])
})

test('what has no text is refused, of whatever realm and in documents too', () => {
  const values = [() => 1, Symbol('secret'), new Map(), new Date(Number.NaN)]
  const foreigners = ['() => 1', 'Symbol("secret")', 'new Map()', 'new Set()', 'new ArrayBuffer(1)', 'new Date(NaN)']
  for (const a of [...values, ...foreigners.map(foreign)]) {
    for (const mapping of [undefined, json(), set<AnyRow>({ value: 'a' })]) {
      const found = messages({ id: 1, a }, mapping as ReturnType<typeof hash>)
      assert.is(found.length, 1, `${typeof a} is taken`)
      assert.not.match(found[0]!, /secret/)
    }
    assert.is(messages({ id: a, a: 1 }).length, 1)
  }
})

test('what every object inherits is no value', () => {
  const odd = tableOf('t', ['id', 'constructor', 'toString', '__proto__'], { action: 'replace', keys: ['id'] })
  assert.equal(commandsOf(plan(odd, [{ id: 1 }]))[2], ['hset', 't:1', 'id', '1'])
  const own = JSON.parse('{"id":1,"constructor":"c","toString":"s","__proto__":"p"}')
  const fields = ['id', '1', 'constructor', 'c', 'toString', 's', '__proto__', 'p']
  assert.equal(commandsOf(plan(odd, [own]))[2], ['hset', 't:1', ...fields])
  assert.equal(commandsOf(plan(odd, [own], json())), [
    ['set', 't:1', '{"id":1,"constructor":"c","toString":"s","__proto__":"p"}'],
  ])
  assert.equal(commandsOf(plan(odd, [{ id: 1 }], json())), [['set', 't:1', '{"id":1}']])
})

test.run()
