import * as assert from 'uvu/assert'
import type { Companion, Companions } from '../../../../src/contract/companion.ts'
import { deletion } from '../../../../src/contract/deletion.ts'
import { AttemptError, type Driver } from '../../../../src/contract/driver.ts'
import { FencedError } from '../../../../src/contract/errors.ts'
import { defineTable, type Table } from '../../../../src/contract/table.ts'
import { BatchRun } from '../../../../src/executor/batch-run.ts'
import type { Executor } from '../../../../src/executor/executor.ts'
import { Batch } from '../../../../src/lanes/batch.ts'
import { systemClock } from '../../../../src/support/clock.ts'
import { thrownBy } from '../../../support/assertions.ts'
import type { AnyRow, Database } from '../backend.ts'
import { range, reasonsOf, tableOf, writeAll } from '../harness.ts'
import type { Register } from '../register.ts'

const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'], check: '"id" >= 0' } as const
const CHECKED = { columns: { id: 'integer', amount: 'integer' }, key: ['id'], check: '"amount" >= 0' } as const
const SCOPE = JSON.stringify(['källa', 'ziel "1"', 0, "ta'ble\\ "])
const { signal } = new AbortController()
let made = 0

/** What is committed together with a batch, or not at all. */
export const companions: Register = ({ add, can }) => {
  const together = (database: Database) => database.companions?.(`with${++made}`)
  const addWith = (name: string, run: (database: Database, executor: Executor, own: Companions) => Promise<void>) =>
    add(name, async (database) => {
      const table = await database.create(COLUMNS) // the schema is there from now on
      assert.is(await table.count(), 0)
      const executor = together(database)
      if (executor !== undefined) await run(database, executor, executor.driver.companions!)
    })

  for (const action of ['error', 'update'] as const) {
    addWith(`a position moves with its batch or not at all, ${action}`, async (database, { driver }, own) => {
      const table = await database.create(COLUMNS)
      const target = action === 'error' ? tableOf(table) : tableOf(table, { action, keys: ['id'] })
      assert.equal(
        [...(await own.claim([SCOPE, 'other'], signal))].sort(),
        [
          ['other', ''],
          [SCOPE, ''],
        ].sort(),
      )
      const rows = range(300).map((id) => ({ id, name: `n ${id}` }))
      await write(driver, target, rows, move('', '7-1'))
      assert.is(await table.count(), 300)
      assert.is((await own.claim([SCOPE], signal)).get(SCOPE), '7-1')
      const error = await thrownBy(() => write(driver, target, [{ id: 1000, name: 'late' }], move('', '7-2')))
      assert.ok(error instanceof AttemptError && error.cause instanceof FencedError)
      assert.is(error.cause.scope, SCOPE)
      assert.is(error.ambiguous, false)
      const bad = [
        { id: 1001, name: 'x'.repeat(3) },
        { id: -1, name: 'bad' },
      ]
      await thrownBy(() => write(driver, target, bad, move('7-1', '8')))
      assert.is(await table.count(), 300, 'nothing of a refused batch is there')
      assert.is((await own.claim([SCOPE], signal)).get(SCOPE), '7-1')
      for (let i = 0; i < 12; i++) {
        await write(driver, target, [{ id: 2000 + i, name: 'on' }], move(i === 0 ? '7-1' : `9#${i - 1}`, `9#${i}`))
      }
      assert.is(await table.count(), 312, 'connections are as good as before')
    })
  }

  addWith('a position is held, moved by itself, and refused', async (_, __, own) => {
    await own.claim([SCOPE], signal)
    await own.commit(move('', ''), signal)
    await own.commit(move('', 'a '), signal)
    for (const expected of ['a', 'A ', '']) {
      const error = await thrownBy(() => own.commit(move(expected, 'b'), signal))
      assert.ok(error instanceof FencedError, String(error))
    }
    const stranger = { kind: 'move', scope: `${SCOPE} `, expected: '', value: 'b' } as const
    assert.ok((await thrownBy(() => own.commit(stranger, signal))) instanceof FencedError)
    assert.equal([...(await own.claim([SCOPE], signal))], [[SCOPE, 'a ']])
  })

  addWith('a token is there if, and only if, its batch is', async (database, { driver }, own) => {
    const table = await database.create(CHECKED)
    await own.prepare(signal)
    await own.prepare(signal)
    const token = (name: string): Companion => ({ kind: 'token', token: name })
    await write(driver, tableOf(table), [{ id: 1, amount: 1 }], token('one'))
    await thrownBy(() => write(driver, tableOf(table), [{ id: 2, amount: -1 }], token('two')))
    assert.equal([await own.committed('one', signal), await own.committed('two', signal)], [true, false])
    const again = await thrownBy(() => write(driver, tableOf(table), [{ id: 3, amount: 1 }], token('one')))
    assert.ok(again instanceof AttemptError && again.ambiguous, 'it has come through before')
    await own.commit(token('two'), signal)
    assert.is(await own.committed('two', signal), true)
    assert.is(await own.sweep(60_000, signal), 0)
    assert.is(await own.sweep(-60_000, signal), 2)
    assert.equal([await own.committed('one', signal), await table.count()], [false, 1])
  })

  addWith('bad rows fail alone beside a token', async (database, executor) => {
    const table = await database.create(CHECKED)
    const amounts: Record<number, unknown> = { 3: -1, 4: () => 1, 17: -1 }
    const rows = range(40).map((id) => ({ id, amount: amounts[id] ?? id }))
    const verified = executor.withRetry({ onAmbiguous: 'verify' })
    const expected = { 3: 'constraint', 4: 'invalid_data', 17: 'constraint' }
    assert.equal(reasonsOf(await writeAll(verified, tableOf(table), rows)), expected)
    assert.is(await table.count(), 37)
    const more = range(40, 100).map((id) => ({ id, amount: id }))
    assert.is((await writeAll(verified, tableOf(table), more)).summary.committed, 40)
  })

  addWith('sums beside a token, bad rows among them', async (database, executor) => {
    const table = await database.create(CHECKED)
    const verified = executor.withRetry({ onAmbiguous: 'verify' })
    const target = tableOf(table, { action: 'update', keys: ['id'], set: { amount: 'add' } })
    for (const amount of [1, 2])
      await writeAll(
        verified,
        target,
        range(9).map((id) => ({ id, amount })),
      )
    assert.equal(
      reasonsOf(
        await writeAll(
          verified,
          target,
          range(9).map((id) => ({ id, amount: id === 5 ? -9 : 1 })),
        ),
      ),
      {
        5: 'constraint',
      },
    )
    assert.equal(
      (await table.rows()).map(({ amount }) => amount),
      [4, 4, 4, 4, 4, 3, 4, 4, 4],
    )
  })

  addWith('tables that many make at once are made', async (database, executor, own) => {
    const table = await database.create(COLUMNS)
    const verified = executor.withRetry({ onAmbiguous: 'verify' })
    const claims = range(8).map(() => own.claim([SCOPE], signal))
    const writes = range(8).map((id) => writeAll(verified, tableOf(table), [{ id }]))
    for (const claimed of await Promise.all(claims)) assert.is(claimed.get(SCOPE), '')
    assert.is(
      (await Promise.all(writes)).every(({ summary }) => summary.committed === 1),
      true,
    )
  })

  addWith('two owners that take turns at random never write what the other has', async (database, executor, own) => {
    const table = await database.create(COLUMNS)
    const random = numbersFrom(17)
    const beliefs = ['', '']
    await own.claim([SCOPE], signal)
    let position = ''
    let rows = 0
    for (let i = 0; i < 60; i++) {
      const who = random(2)
      if (random(4) === 0) beliefs[who] = (await own.claim([SCOPE], signal)).get(SCOPE)!
      const { failures } = await run(
        executor,
        tableOf(table),
        [{ id: 2 * i }, { id: 2 * i + 1 }],
        move(beliefs[who]!, `${i}`),
      )
      const holds = beliefs[who] === position
      assert.is(failures.size, holds ? 0 : 2)
      if (holds) {
        position = beliefs[who] = `${i}`
        rows += 2
      } else assert.is(failures.get(0)!.reason, 'fenced')
      assert.is(await table.count(), rows)
    }
    assert.is((await own.claim([SCOPE], signal)).get(SCOPE), position)
  })

  addWith(
    'a batch of several shapes is fenced in each of its parts, and moves with the last',
    async (database, executor, own) => {
      const table = await database.create({ ...COLUMNS, columns: { id: 'integer', a: 'text', b: 'text' } })
      const target = tableOf(table, { action: 'update', keys: ['id'] })
      await own.claim([SCOPE], signal)
      const rows = [
        { id: 1, a: 'a' },
        { id: 2, b: 'b' },
        { id: 3, a: 'a', b: 'b' },
      ]
      assert.is((await run(executor, target, rows, move('', '1'))).failures.size, 0)
      assert.is((await own.claim([SCOPE], signal)).get(SCOPE), '1')
      const late = await run(
        executor,
        target,
        [
          { id: 1, a: 'z' },
          { id: 5, b: 'z' },
        ],
        move('', '2'),
      )
      assert.equal(
        [...late.failures.values()].map(({ reason, fault }) => [reason, fault]),
        [
          ['fenced', 'place'],
          ['fenced', 'place'],
        ],
      )
      const bad = await run(
        executor,
        target,
        [
          { id: -1, a: 'z' },
          { id: 6, b: 'z' },
        ],
        move('1', '2'),
      )
      assert.is(bad.failures.size, 2, 'what follows a bad part is not written')
      assert.is((await own.claim([SCOPE], signal)).get(SCOPE), '1')
      assert.is(await table.count(), 3)
    },
  )

  addWith(
    'rows and deletions of one batch move its position together, and sums are added once',
    async (database, executor, own) => {
      const table = await database.create(CHECKED)
      const target = defineTable<AnyRow>(table.name, {
        columns: table.columns,
        onConflict: { action: 'update', keys: ['id'], set: { amount: 'add' } },
        deletes: true,
      })
      await own.claim([SCOPE], signal)
      const rows = range(5).map((id) => ({ id, amount: 1 }))
      assert.is((await run(executor, target, rows, move('', '1'))).failures.size, 0)
      const bad = [deletion({ id: 0 }), { id: 1, amount: 1 }, { id: 2, amount: -9 }]
      assert.is(
        (await run(executor, target, bad, move('1', '2'))).failures.size,
        2,
        'what was deleted is, and will be once more',
      )
      assert.is((await run(executor, target, [deletion({ id: 3 })], move('', '2'))).failures.get(0)!.reason, 'fenced')
      assert.is((await run(executor, target, bad.slice(0, 2), move('1', '2'))).failures.size, 0)
      assert.is((await own.claim([SCOPE], signal)).get(SCOPE), '2')
      assert.equal(
        (await table.rows()).map(({ id, amount }) => [id, amount]),
        [
          [1, 2],
          [2, 1],
          [3, 1],
          [4, 1],
        ],
      )
      const verified = executor.withRetry({ onAmbiguous: 'verify' })
      await writeAll(verified, target, [deletion({ id: 1 }), { id: 2, amount: 1 }])
      assert.is(await table.count(), 3)
    },
  )

  if (!can.cancels) return

  addWith(
    'a former owner that still writes is waited for, and its successor is told',
    async (database, { driver }, own) => {
      const [held, free] = [await database.create(COLUMNS), await database.create(COLUMNS)]
      for (const ends of ['commits', 'fails']) {
        const before = (await own.claim([SCOPE], signal)).get(SCOPE)!
        const hold = await database.hold!(held)
        const former = new AbortController()
        const zombie = write(driver, tableOf(held), [{ id: 1 }], move(before, 'zombie'), former.signal).catch(
          (e: unknown) => e,
        )
        while ((await hold.running()) === 0) assert.is(await Promise.race([zombie, undefined]), undefined)
        const successor = write(driver, tableOf(free), [{ id: 1 }], move(before, 'new')).catch((e: unknown) => e)
        assert.is((await own.claim([SCOPE], signal)).get(SCOPE), before, 'who asks does not wait')
        if (ends === 'fails') former.abort(new Error('gave up'))
        else await hold.release()
        const [first, second] = [await zombie, await successor]
        if (ends === 'fails') await hold.release()
        const isFenced = second instanceof AttemptError && second.cause instanceof FencedError
        assert.equal([first === undefined, isFenced], ends === 'commits' ? [true, true] : [false, false])
        assert.is((await own.claim([SCOPE], signal)).get(SCOPE), ends === 'commits' ? 'zombie' : 'new')
        assert.equal([await held.count(), await free.count()], ends === 'commits' ? [1, 0] : [1, 1])
      }
    },
  )
}

function move(expected: string, value: string): Companion {
  return { kind: 'move', scope: SCOPE, expected, value }
}

/** One attempt. */
async function write(driver: Driver, table: Table, rows: readonly AnyRow[], companion: Companion, stop = signal) {
  const context = { signal: stop, isolate: false, companion }
  const operation = await driver.plan({ table, columns: table.columns, rows }, context)
  try {
    await driver.run(operation, context)
  } finally {
    operation.release?.()
  }
}

/** A batch on its way through the executor. */
async function run(executor: Executor, table: Table, rows: readonly AnyRow[], companion: Companion): Promise<BatchRun> {
  const batch = new Batch(table)
  batch.rows.push(...rows)
  batch.accepted = rows.length
  batch.companion = companion
  const run = new BatchRun(batch, executor, systemClock)
  await run.execute()
  return run
}

/** The same every time: mulberry32. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}
