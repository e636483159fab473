import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bag } from '../../src/support/bag.ts'

const bag = suite('bag')

bag('has what was added, in that order, until it is deleted', () => {
  const letters = new Bag<string>()
  for (const letter of ['a', 'b', 'c']) letters.add(letter)
  letters.delete('b')
  assert.equal([...letters], ['a', 'c'])
  assert.is(letters.size, 2)
})

bag('does not mind what it does not have', () => {
  const letters = new Bag<string>()
  letters.add('a')
  letters.delete('b')
  assert.equal([...letters], ['a'])
})

bag.run()
