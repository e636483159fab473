import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { Forms } from '../../../src/drivers/kit/forms.ts'

const forms = suite('forms')
const tableOf = (name: string) => defineTable<{ a: number; b: number }>(name, { columns: ['a', 'b'] })

forms('are kept by table and by the very list of columns', () => {
  const known = new Forms<string>()
  const [one, two] = [tableOf('one'), tableOf('two')]
  assert.is(known.get({ table: one, columns: one.columns }), undefined)
  assert.is(known.set({ table: one, columns: one.columns }, 'all'), 'all')
  const some = ['a']
  known.set({ table: one, columns: some }, 'some')
  known.set({ table: two, columns: some }, 'other')
  const found = [one.columns, some, ['a']].map((columns) => known.get({ table: one, columns }))
  assert.equal(found, ['all', 'some', undefined])
  assert.is(known.get({ table: two, columns: some }), 'other')
})

forms('are forgotten with their table', () => {
  const known = new Forms<string>()
  const [one, two] = [tableOf('one'), tableOf('two')]
  for (const table of [one, two]) known.set({ table, columns: table.columns }, table.name)
  known.forget(one)
  assert.is(known.get({ table: one, columns: one.columns }), undefined)
  assert.is(known.get({ table: two, columns: two.columns }), 'two')
})

forms.run()
