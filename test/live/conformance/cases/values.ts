import { inspect } from 'node:util'
import * as assert from 'uvu/assert'
import type { TypeCase } from '../backend.ts'
import { range, reasonsOf, tableOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

export const values: Register = ({ add, backend }) => {
  for (const { type, values: given, refused = [] } of backend.types) {
    const pairs = given.map(pairOf)

    add(`${type} stores ${pairs.map(({ written }) => brief(written)).join(', ')} and NULL`, async (database) => {
      const made = await database.create({ columns: { id: 'integer', value: type }, key: ['id'] })
      const rows = [...pairs.map(({ written }) => written), null, undefined].map((value, id) => ({ id, value }))
      await writeWell(database.executor, tableOf(made), rows)
      const stored = (await made.rows()).map(({ value }) => value)
      assert.equal(stored, [...pairs.map(({ read }) => read), null, null])
    })

    if (refused.length === 0) continue
    add(`${type} refuses ${refused.map(brief).join(', ')}`, async (database) => {
      const made = await database.create({ columns: { id: 'integer', value: type }, key: ['id'] })
      const rows = [...refused, null].map((value, id) => ({ id, value }))
      const written = await writeAll(database.executor, tableOf(made), rows)
      assert.equal(reasonsOf(written), Object.fromEntries(range(refused.length).map((i) => [i, 'invalid_data'])))
      assert.equal(await made.rows(), [{ id: refused.length, value: null }])
    })
  }
}

export function pairOf(given: TypeCase['values'][number]): { written: unknown; read: unknown } {
  const isPair = typeof given === 'object' && given !== null && 'written' in given && 'read' in given
  return isPair ? { written: given.written, read: given.read } : { written: given, read: given }
}

export function brief(value: unknown): string {
  const text = inspect(value, { breakLength: Number.POSITIVE_INFINITY })
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
