import * as assert from 'uvu/assert'
import type { OnConflict } from '../../../../src/contract/table.ts'
import type { AnyRow, Database } from '../backend.ts'
import { reasonsOf, tableOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

const COLUMNS = { id: 'integer', name: 'text', amount: 'integer' }
const FIRST: AnyRow[] = [
  { id: 1, name: 'one', amount: 10 },
  { id: 2, name: 'two', amount: 20 },
]

interface Conflict {
  readonly onConflict: OnConflict<AnyRow>
  /** What stands there after row 2 came again, beside a fresh row 3. */
  readonly second: AnyRow
}

const AGAIN: AnyRow = { id: 2, name: 'deux' }

const CONFLICTS: Readonly<Record<string, Conflict>> = {
  ignore: { onConflict: { action: 'ignore', keys: ['id'] }, second: FIRST[1]! },
  update: { onConflict: { action: 'update', keys: ['id'] }, second: { id: 2, name: 'deux', amount: 20 } },
  replace: { onConflict: { action: 'replace', keys: ['id'] }, second: { id: 2, name: 'deux', amount: null } },
}

export const conflicts: Register = ({ add, can }) => {
  add('plain inserts store fresh rows', async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id'] })
    await writeWell(database.executor, tableOf(made), FIRST)
    assert.equal(await made.rows(), FIRST)
  })

  for (const [action, { onConflict, second }] of Object.entries(CONFLICTS)) {
    if (!can.actions.includes(onConflict.action)) continue

    add(`${action} stores fresh rows`, async (database) => {
      const made = await database.create({ columns: COLUMNS, key: ['id'] })
      await writeWell(database.executor, tableOf(made, onConflict), FIRST)
      assert.equal(await made.rows(), FIRST)
    })

    add(`${action} meets a row that is there`, async (database) => {
      const made = await filled(database)
      await writeWell(database.executor, tableOf(made, onConflict), [AGAIN, { id: 3, name: 'three', amount: 30 }])
      assert.equal(await made.rows(), [FIRST[0], second, { id: 3, name: 'three', amount: 30 }])
    })

    add(`${action} meets its own key twice in one batch`, async (database) => {
      const made = await database.create({ columns: COLUMNS, key: ['id'] })
      const { calls } = await writeWell(database.executor, tableOf(made, onConflict), [...FIRST, AGAIN])
      assert.equal(await made.rows(), [FIRST[0], second])
      assert.equal(
        calls.filter(([verb]) => verb === 'countCoalesced').map(([, , ...args]) => args),
        [[action, 1]],
      )
    })
  }

  if (can.actions.includes('update')) addUpdates(add)
  if (can.refusesDuplicates) addDuplicates(add)
  if (can.nullKeys) addNullKeys(add)
}

const addUpdates = (add: Parameters<Register>[0]['add']): void => {
  add('an update writes the columns a row has, and null is one of them', async (database) => {
    const made = await filled(database)
    const rows = [{ id: 1, amount: 11 }, { id: 2, name: null }, { id: 3 }, { id: 4, name: 'four', amount: 40 }]
    await writeWell(database.executor, tableOf(made, { action: 'update', keys: ['id'] }), rows)
    assert.equal(await made.rows(), [
      { id: 1, name: 'one', amount: 11 },
      { id: 2, name: null, amount: 20 },
      { id: 3, name: null, amount: null },
      { id: 4, name: 'four', amount: 40 },
    ])
  })

  add('an update leaves columns outside of its set alone', async (database) => {
    const made = await filled(database)
    const onConflict = { action: 'update', keys: ['id'], set: ['amount'] } as const
    await writeWell(database.executor, tableOf(made, onConflict), [{ id: 1, name: 'changed', amount: 11 }])
    assert.equal((await made.rows())[0], { id: 1, name: 'one', amount: 11 })
  })

  add('a key of two columns', async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id', 'name'] })
    const onConflict = { action: 'update', keys: ['id', 'name'] } as const
    const rows = [
      { id: 1, name: 'a', amount: 1 },
      { id: 2, name: 'a', amount: 2 },
    ]
    await writeWell(database.executor, tableOf(made, onConflict), rows)
    await writeWell(database.executor, tableOf(made, onConflict), [{ id: 2, name: 'a', amount: 3 }])
    assert.equal(await made.rows(), [rows[0], { id: 2, name: 'a', amount: 3 }])
  })
}

const addDuplicates = (add: Parameters<Register>[0]['add']): void => {
  add('a plain insert of a key that is there fails, and only that row', async (database) => {
    const made = await filled(database)
    const rows = [{ id: 3 }, { id: 2, name: 'deux' }, { id: 4 }]
    const written = await writeAll(database.executor, tableOf(made), rows)
    assert.equal(reasonsOf(written), { 1: 'duplicate_key' })
    assert.equal(written.errors, ['final:duplicate_key'])
    assert.equal(
      (await made.rows()).map(({ id, name }) => [id, name]),
      [
        [1, 'one'],
        [2, 'two'],
        [3, null],
        [4, null],
      ],
    )
  })

  add('of plain inserts with one key in one batch the first is stored', async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id'] })
    const rows = [{ id: 1, name: 'first' }, { id: 2 }, { id: 1, name: 'second' }, { id: 3 }]
    const written = await writeAll(database.executor, tableOf(made), rows)
    assert.equal(reasonsOf(written), { 2: 'duplicate_key' })
    assert.equal(
      (await made.rows()).map(({ id, name }) => [id, name]),
      [
        [1, 'first'],
        [2, null],
        [3, null],
      ],
    )
  })

  for (const action of ['ignore', 'update', 'replace'] as const) {
    add(`${action} fails when a row meets another one by a key that is not its own`, async (database) => {
      const made = await database.create({ columns: { ...COLUMNS, email: 'text unique' }, key: ['id'] })
      const there = { id: 1, name: 'one', amount: 1, email: 'a@example.org' }
      await writeWell(database.executor, tableOf(made), [there])
      const rows = [
        { id: 2, name: 'two', amount: 2, email: 'b@example.org' },
        { id: 3, name: 'three', amount: 3, email: 'a@example.org' },
      ]
      const written = await writeAll(database.executor, tableOf(made, { action, keys: ['id'] }), rows)
      assert.equal(reasonsOf(written), { 1: 'duplicate_key' })
      assert.equal(await made.rows(), [there, rows[0]])
    })
  }
}

const addNullKeys = (add: Parameters<Register>[0]['add']): void => {
  add('keys that are NULL conflict with nothing', async (database) => {
    const made = await database.create({
      columns: { n: 'integer', id: 'integer', name: 'text' },
      key: ['id'],
      nullableKey: true,
    })
    for (const action of ['update', 'ignore', 'replace'] as const) {
      const rows = [
        { n: 1, id: null, name: action },
        { n: 1, name: action },
      ]
      await writeWell(database.executor, tableOf(made, { action, keys: ['id'] }), rows)
    }
    const rows = await made.rows()
    assert.equal(
      rows.map(({ id }) => id),
      Array(6).fill(null),
    )
  })
}

async function filled(database: Database) {
  const made = await database.create({ columns: COLUMNS, key: ['id'] })
  await writeWell(database.executor, tableOf(made), FIRST)
  return made
}
