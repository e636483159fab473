import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { args, hash } from '../../src/drivers/redis/index.ts'
import { keyPositions } from '../../src/drivers/redis/key-positions.ts'
import { shownName } from '../../src/drivers/redis/shown-name.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { thrownBy } from '../support/assertions.ts'
import { RedisScene, tableOf } from '../support/databases/redis.ts'

const test = suite('redis: keys of commands')
const scene = await RedisScene.open()
const { client } = scene
test.after(() => scene.close())

/** What the server tells about a command (`COMMAND`, since Redis 7.0 with key specifications and subcommands). */
type Told = readonly [
  name: string,
  arity: number,
  flags: readonly string[],
  first: number,
  last: number,
  step: number,
  categories: readonly string[],
  tips: readonly string[],
  specs: readonly unknown[],
  subcommands: readonly Told[],
]

/** Where keys depend on what other arguments say, one line or more for each command. */
const TELLING = `
  eval return 2 a b x
  evalsha sha 1 a x
  fcall f 2 a b x
  eval_ro return 1 a
  lmpop 2 a b LEFT COUNT 5
  zmpop 1 a MIN
  sintercard 2 a b LIMIT 3
  zintercard 2 a b
  zinter 2 a b WEIGHTS 1 2
  zunion 1 a
  zdiff 2 a b WITHSCORES
  zunionstore to 2 a b WEIGHTS 1 2
  zinterstore to 1 a
  zdiffstore to 2 a b
  sort a
  sort a LIMIT 0 5 DESC ALPHA STORE to
  georadius a 1 2 3 km
  georadius a 1 2 3 km WITHDIST COUNT 5 ANY ASC STORE to
  georadius a 1 2 3 km STOREDIST to
  georadiusbymember a member 3 km STORE to
  migrate host 6379 a 0 1000 COPY
  migrate host 6379 ${"''"} 0 1000 REPLACE AUTH secret KEYS a b
  mset a 1 b 2
  msetex 2 a 1 b 2 EX 10
  xgroup CREATE a g $
  object ENCODING a`
  .trim()
  .split('\n')
  .map((line) =>
    line
      .trim()
      .split(' ')
      .map((word) => (word === "''" ? '' : word)),
  )

function isRefused(name: string): boolean {
  const table = tableOf('t', ['cmd', 'rest'])
  const { failures } = scene.driver(args()).plan({ table, columns: table.columns, rows: [{ cmd: name, rest: ['a'] }] })
  return failures.length > 0
}

function ours([name = '', ...rest]: readonly string[]): readonly string[] {
  return keyPositions(name.toLowerCase())(rest)
    .map((position) => rest[position]!)
    .sort()
}

async function theirs(command: readonly string[]): Promise<readonly string[]> {
  return client.call('COMMAND', 'GETKEYS', ...command).then(
    (keys) => (keys as string[]).sort(),
    (error: Error) => {
      if (/no key arguments/i.test(error.message)) return []
      throw new Error(`${command.join(' ')}: ${error.message}`)
    },
  )
}

/** With as many words as it takes and, where it takes any number, two more. */
function sample([name, arity]: Told): string[] {
  const words = name.split('|')
  const length = arity < 0 ? -arity + 2 : arity
  return [...words, ...Array.from({ length: length - words.length }, (_, i) => `word${i}`)]
}

const known = (await client.call('COMMAND')) as Told[]

function writing(): readonly Told[] {
  return known
    .flatMap((told) => (told[9]?.length > 0 ? [...told[9]] : [told]))
    .filter(([name, , flags]) => flags.includes('write') && !isRefused(name.split('|')[0]!))
}

test('every writing command has its keys where the server says', async () => {
  const told = writing()
  assert.ok(told.length > 80)
  for (const command of told) {
    const movable = command[2].includes('movablekeys')
    if (movable) {
      assert.ok(
        TELLING.some(([name]) => name === command[0]),
        `${command[0]} has keys that move: say how`,
      )
    } else {
      const words = sample(command)
      assert.equal(ours(words), await theirs(words), words.join(' '))
    }
  }
})

test('keys that move are found', async () => {
  const names = new Set(known.map(([name]) => name))
  for (const command of TELLING.filter(([name]) => names.has(name!))) {
    assert.equal(ours(command), await theirs(command), command.join(' '))
  }
})

test('every writing command of the server may be shown by its name', () => {
  const names = writing().map(([name]) => name.split('|')[0]!)
  assert.equal(
    names.filter((name) => shownName(name) !== name),
    [],
  )
})

test('a check: a key that holds something else, and what the mappings refuse', async () => {
  const table = scene.table(['id'])
  const executor = createExecutor(scene.driver())
  assert.ok((await executor.check(table)).some(({ ok, text }) => ok === true && text.endsWith('is a stream, or free')))
  await client.set(table.name, 'x')
  const taken = await thrownBy(() => executor.check(table))
  assert.match(String(taken), `the key ${table.name} holds a string (rows without conflict keys become`)
  const refused = await thrownBy(() => createExecutor(scene.driver(hash())).check(table))
  assert.match(String(refused), 'has no conflict keys: give its mapping the option key')
})

test.run()
