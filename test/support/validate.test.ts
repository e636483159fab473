import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createExecutor } from '../../src/executor/executor.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { integer, nested, type OptionsOf, oneOf, optional, parse, required } from '../../src/support/validate.ts'
import { rejectsWith } from './assertions.ts'
import { committing } from './engine/memory-driver.ts'
import { users } from './engine/tables.ts'

const test = suite('options')

interface Brew {
  readonly cups: number
  readonly strength?: 'weak' | 'strong'
  readonly milk?: { readonly ml?: number }
}

const MILK = { ml: optional(integer(0), 20) } satisfies OptionsOf<NonNullable<Brew['milk']>>
const BREW = {
  cups: required(integer(1)),
  strength: optional(oneOf('weak', 'strong'), 'weak'),
  milk: optional(nested(MILK)),
} satisfies OptionsOf<Brew>

test('what is not given has its default, and undefined is not given', () => {
  assert.equal(parse('brew', BREW, { cups: 2 }), { cups: 2, strength: 'weak', milk: undefined })
  assert.equal(parse('brew', BREW, { cups: 2, strength: undefined, milk: {} }).milk, { ml: 20 })
})

test('an option that is forgotten, invented or of another type does not compile', () => {
  const { cups, strength, milk } = BREW
  // @ts-expect-error milk is missing
  const forgotten = { cups, strength } satisfies OptionsOf<Brew>
  // @ts-expect-error there is no sugar
  const invented = { cups, strength, milk, sugar: optional(integer(0)) } satisfies OptionsOf<Brew>
  // @ts-expect-error cups may not be left out
  const optionalCups = { cups: optional(integer(1)), strength, milk } satisfies OptionsOf<Brew>
  assert.ok(forgotten && invented && optionalCups)
})

const refused: [given: unknown, message: string][] = [
  [{}, 'brew: cups must be an integer of at least 1, received undefined'],
  [null, 'brew: options must be an object, received null'],
  [[], 'brew: options must be an object, received an empty array'],
  ['strong', 'brew: options must be an object, received "strong"'],
  [{ cups: 1, strenght: 'weak' }, 'brew: unknown option "strenght"; there are cups, strength, milk'],
  [{ cups: 1, strength: null }, 'brew: strength must be one of weak, strong, received null'],
  [{ cups: 1, milk: null }, 'brew: milk must be an object, received null'],
  [{ cups: 1, milk: { l: 1 } }, 'brew: milk: unknown option "l"; there are ml'],
  [{ cups: 1, milk: { ml: -1 } }, 'brew: milk.ml must be an integer of at least 0, received -1'],
]
for (const [given, message] of refused) {
  test(`refused: ${message}`, async () => {
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => parse('brew', BREW, given))
  })
}

test('the executor and its previews refuse what is forgotten or misspelt', async () => {
  const executor = createExecutor(committing())
  const refuses = (message: string, act: () => unknown) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  await refuses('withRetry: maxAttempts must be an integer of at least 1, received null', () =>
    executor.withRetry({ maxAttempts: null } as never),
  )
  await refuses('withRetry: options must be an object, received true', () => executor.withRetry(true as never))
  await refuses('withRetry: options must be an object, received null', () => executor.withRetry(null as never))
  await refuses('preview: unknown option "value"; there are values', () =>
    executor.preview(users, [], { value: true } as never),
  )
})

test.run()
