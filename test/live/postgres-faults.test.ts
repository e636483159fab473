import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AttemptError } from '../../src/contract/driver.ts'
import type { Table } from '../../src/contract/table.ts'
import { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import { type AnyRow, failure, Scene, tableOf, write } from '../support/databases/postgres.ts'

/** One connection: whatever a fault does to it, the next statement feels. */
const scene = await Scene.open({ max: 1 })
const driver = scene.driver()
const inserting = scene.driver({ appendMethod: 'insert' })
/** Looks on, and interferes, from outside. */
const outside = await Scene.open()
const faults = suite('faults of PostgreSQL')
faults.after(async () => {
  await scene.close()
  await outside.close()
})

async function backend(): Promise<number> {
  const [row] = await scene.sql('SELECT pg_backend_pid() AS pid')
  return row!['pid'] as number
}

/** Until the query, run from outside, returns a row. */
async function seen(text: string, values: unknown[] = []): Promise<AnyRow> {
  for (;;) {
    const [row] = await outside.sql(text, values)
    if (row !== undefined) return row
    await sleep(5)
  }
}

/** Until the connection waits for a lock, or sleeps in a function. */
function waits(pid: number, event: 'Lock' | 'Timeout'): Promise<AnyRow> {
  return seen('SELECT 1 AS yes FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = $2', [pid, event])
}

function running(pid: number): Promise<AnyRow[]> {
  return outside.sql(`SELECT query FROM pg_stat_activity WHERE pid = $1 AND state <> 'idle'`, [pid])
}

/** Runs `work` while another connection holds the table, so that nobody can write to it. */
async function whileLocked(name: string, work: () => Promise<void>): Promise<void> {
  const client = await outside.pool.connect()
  await client.query(`BEGIN; LOCK TABLE ${scene.schema}.${name} IN SHARE MODE`)
  try {
    await work()
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}

/** Makes each row of the table run this PL/pgSQL. */
async function trigger(name: string, when: 'BEFORE' | 'AFTER', body: string): Promise<void> {
  await scene.sql(`CREATE FUNCTION ${name}_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$`)
  await scene.sql(`CREATE TRIGGER fires ${when} INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION ${name}_trigger()`)
}

/** PL/pgSQL that sleeps through a cancel request. The server may signal one request twice. */
function deaf(seconds: number): string {
  return `BEGIN PERFORM pg_sleep(${seconds}); EXCEPTION WHEN query_canceled THEN NULL; END;`
}

const COLUMNS = 'id integer PRIMARY KEY, name varchar(10) CHECK (name <> $$bad$$), parent integer'
const NAMES = ['id', 'name', 'parent']
const good = (count: number, from = 0): AnyRow[] =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, name: 'x' }))

/** Rows 0 to 1499 with one of them replaced: more than the server inserts at once. */
function withRow(index: number, row: AnyRow): AnyRow[] {
  return good(1500).with(index, { id: index, ...row })
}

interface Fault {
  readonly rows: AnyRow[]
  readonly code: string | undefined
  readonly reason: string
  /** What COPY says about the row; INSERT never says. */
  readonly index?: number
}

const FAULTS: Record<string, Fault> = {
  'a text too long': {
    rows: withRow(1200, { name: 'x'.repeat(11) }),
    code: '22001',
    reason: 'invalid_data',
    index: 1200,
  },
  'a number out of range': {
    rows: withRow(1200, { parent: 2 ** 31 }),
    code: '22003',
    reason: 'invalid_data',
    index: 1200,
  },
  'not a number': { rows: withRow(7, { parent: 'seven' }), code: '22P02', reason: 'invalid_data', index: 7 },
  'bytes that are no integer': {
    rows: withRow(7, { parent: Buffer.alloc(3) }),
    code: '08P01',
    reason: 'invalid_data',
    index: 7,
  },
  'a check': { rows: withRow(1200, { name: 'bad' }), code: '23514', reason: 'constraint', index: 1200 },
  'a missing key': { rows: withRow(3, { id: null }), code: '23502', reason: 'constraint', index: 3 },
  'a key twice': { rows: withRow(1200, { id: 100 }), code: '23505', reason: 'duplicate_key', index: 1200 },
}

for (const [method, by] of Object.entries({ COPY: driver, INSERT: inserting })) {
  for (const [what, { rows, code, reason, index }] of Object.entries(FAULTS)) {
    faults(`${method}: ${what}`, async () => {
      const name = await scene.table(COLUMNS)
      const table = tableOf(name, NAMES)
      const pid = await backend()
      const found = await failure(by, table, rows)
      assert.is(found.error.ambiguous, false)
      if (method === 'COPY') assert.equal([found.code, found.reason, found.rowIndex], [code, reason, index])
      else assert.is(found.rowIndex, undefined)
      await write(by, table, good(2))
      assert.equal(await scene.sql(`SELECT count(*)::int AS n FROM ${name}`), [{ n: 2 }])
      assert.is(await backend(), pid, 'the connection stays')
    })
  }
}

faults('a value that cannot be encoded is found before anything is sent', async () => {
  const name = await scene.table('id integer, name text, doc json')
  const table = tableOf(name, ['id', 'name', 'doc'])
  const circular: AnyRow = {}
  circular['self'] = circular
  for (const by of [driver, inserting]) {
    for (const row of [{ name: 'a\0b' }, { doc: circular }, { doc: { big: 1n } }, { name: `${'é'.repeat(60)}\0` }]) {
      const { rowIndex, reason, error, cause } = await failure(by, table, [{ id: 1 }, { id: 2 }, { id: 3, ...row }])
      assert.equal([rowIndex, reason, error.ambiguous], [2, 'invalid_data', false])
      assert.match(cause.message, /^value of column "(name|doc)" cannot be encoded: /)
      assert.not.match(cause.message, /\0|self|é/)
    }
  }
  assert.equal(await scene.sql(`SELECT * FROM ${name}`), [])
})

faults('an error raised for a row by a trigger names the row, one raised later does not', async () => {
  const body = `BEGIN IF new.id = 5 THEN RAISE 'no fives' USING ERRCODE = 'ZZ001'; END IF;
    IF new.id = 6 THEN RAISE 'no sixes'; END IF; RETURN new; END`
  const before = await scene.table(COLUMNS)
  await trigger(before, 'BEFORE', body)
  const own = await failure(driver, tableOf(before, NAMES), good(9).toSpliced(5, 1))
  assert.equal([own.code, own.rowIndex, own.reason], ['P0001', 5, 'constraint'])
  assert.is(
    (await failure(driver, tableOf(before, NAMES), good(9))).rowIndex,
    undefined,
    'a state we know nothing about',
  )
  const after = await scene.table(COLUMNS)
  await trigger(after, 'AFTER', body)
  assert.is((await failure(driver, tableOf(after, NAMES), good(9).toSpliced(5, 1))).rowIndex, undefined)
})

faults('a row is named although the value looks like the context of an error', async () => {
  const name = await scene.table('n integer, t text')
  const lie = `1\nCOPY ${name}, line 1`
  const { rowIndex, code } = await failure(driver, tableOf(name, ['n', 't']), [{ n: 1 }, { n: 2 }, { n: lie }])
  assert.is(code, '22P02')
  assert.ok(rowIndex === 2 || rowIndex === undefined, `row ${rowIndex} is not at fault`)
})

faults('unknown table, unknown column, unknown key', async () => {
  const name = await scene.table(COLUMNS)
  for (const by of [driver, inserting]) {
    for (const [table, code] of [
      [tableOf('nowhere', ['id']), '42P01'],
      [tableOf('no_schema.t', ['id']), '42P01'],
      [tableOf(name, ['id', 'nothing']), '42703'],
      [tableOf(name, ['id', 'name'], { action: 'ignore', keys: ['name'] }), '42P10'],
    ] as const) {
      const found = await failure(by, table, [{ id: 1, nothing: 'x' }])
      assert.ok(found.code === code || found.code === '3F000', found.code)
      assert.equal([found.reason, found.error.ambiguous, found.rowIndex], ['schema', false, undefined])
    }
  }
})

faults('a privilege that is missing, a transaction that may only read, a lock that takes too long', async () => {
  const name = await scene.table(COLUMNS)
  const table = tableOf(`${scene.schema}.${name}`, NAMES)
  await scene.sql(`GRANT USAGE ON SCHEMA ${scene.schema} TO pg_monitor`)
  const settings: Record<string, string> = {
    permission: '-c role=pg_monitor',
    read_only: '-c default_transaction_read_only=on',
  }
  for (const [reason, options] of Object.entries(settings)) {
    const pool = new pg.Pool({ connectionString: scene.url, max: 1, options })
    assert.is((await failure(new PostgresDriver(pool), table, good(1))).reason, reason)
    await pool.end()
  }
  const limits: Record<string, string> = { lock_timeout: '-c lock_timeout=10', timeout: '-c statement_timeout=10' }
  for (const [reason, options] of Object.entries(limits)) {
    const pool = new pg.Pool({ connectionString: scene.url, max: 1, options })
    await whileLocked(name, async () => {
      const found = await failure(new PostgresDriver(pool), table, good(1))
      assert.equal([found.reason, found.error.ambiguous], [reason, false])
    })
    await pool.end()
  }
})

faults('two batches that deadlock', async () => {
  const name = await outside.table(COLUMNS)
  const by = outside.driver()
  const table = tableOf(name, NAMES, { action: 'update', keys: ['id'] })
  const pair = [{ id: 1 }, { id: 2 }]
  await write(by, table, pair)
  const body = 'BEGIN PERFORM pg_sleep(0.05); RETURN new; END'
  await outside.sql(`CREATE FUNCTION ${name}_slow() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$`)
  await outside.sql(`CREATE TRIGGER slow BEFORE UPDATE ON ${name} FOR EACH ROW EXECUTE FUNCTION ${name}_slow()`)
  const both = await Promise.allSettled([write(by, table, pair), write(by, table, [...pair].reverse())])
  const lost = both.filter((result) => result.status === 'rejected').map((result) => result.reason as AttemptError)
  assert.is(lost.length, 1)
  assert.is(by.classify(lost[0]!.cause)?.reason, 'deadlock')
})

for (const [what, onConflict] of Object.entries({ COPY: undefined, INSERT: { action: 'ignore' } as const })) {
  const tableIn = (name: string): Table => tableOf(name, NAMES, onConflict)

  faults(`${what}: an abort ends the statement on the server, and the connection stays`, async () => {
    const name = await scene.table(COLUMNS)
    const pid = await backend()
    const controller = new AbortController()
    const reason = new Error('too slow')
    await whileLocked(name, async () => {
      const failing = failure(driver, tableIn(name), good(5), controller.signal)
      await waits(pid, 'Lock')
      controller.abort(reason)
      const { error, cause } = await failing
      assert.is(cause, reason)
      assert.is(error.ambiguous, false)
      assert.equal(await running(pid), [])
    })
    assert.equal(await scene.sql(`SELECT * FROM ${name}`), [])
    await write(driver, tableIn(name), good(5))
    assert.is(await backend(), pid)
  })

  faults(`${what}: an abort that comes too late changes nothing about the truth`, async () => {
    const name = await scene.table(COLUMNS)
    await trigger(name, 'BEFORE', `BEGIN ${deaf(60)} ${deaf(0.05)} RETURN new; END`)
    const pid = await backend()
    const controller = new AbortController()
    const writing = write(driver, tableIn(name), good(1), controller.signal)
    await waits(pid, 'Timeout')
    controller.abort(new Error('too slow'))
    await writing
    assert.is((await scene.sql(`SELECT * FROM ${name}`)).length, 1)
    assert.is(await backend(), pid)
  })

  faults(
    `${what}: a statement that does not end after an abort costs the connection, and its outcome is unknown`,
    async () => {
      const name = await scene.table(COLUMNS)
      await trigger(name, 'BEFORE', `BEGIN ${deaf(60).repeat(4)} RETURN new; END`)
      const pid = await backend()
      const controller = new AbortController()
      const failing = failure(driver, tableIn(name), good(1), controller.signal)
      await waits(pid, 'Timeout')
      controller.abort(new Error('too slow'))
      const { error, cause } = await failing
      assert.is(cause.message, 'too slow')
      assert.is(error.ambiguous, true)
      assert.is.not(await backend(), pid)
      await outside.sql('SELECT pg_terminate_backend($1)', [pid])
    },
  )

  faults(`${what}: a backend killed meanwhile leaves the outcome unknown and the pool usable`, async () => {
    const name = await scene.table(COLUMNS)
    const pid = await backend()
    await whileLocked(name, async () => {
      const failing = failure(driver, tableIn(name), good(5))
      await waits(pid, 'Lock')
      await outside.sql('SELECT pg_terminate_backend($1)', [pid])
      const { error, code, reason } = await failing
      assert.equal([error.ambiguous, code, reason], [true, '57P01', 'connection'])
    })
    await write(driver, tableIn(name), good(5))
    assert.is.not(await backend(), pid)
  })

  faults(`${what}: a socket that breaks meanwhile leaves the outcome unknown and the pool usable`, async () => {
    const name = await scene.table(COLUMNS)
    const pid = await backend()
    await whileLocked(name, async () => {
      const borrowed: pg.PoolClient[] = []
      scene.pool.once('acquire', (client: pg.PoolClient) => borrowed.push(client))
      const failing = failure(driver, tableIn(name), good(5))
      await waits(pid, 'Lock')
      borrowed[0]!.connection.stream.destroy()
      const { error, reason } = await failing
      assert.equal([error.ambiguous, reason], [true, 'connection'])
      await outside.sql('SELECT pg_terminate_backend($1)', [pid])
    })
    await write(driver, tableIn(name), good(5))
  })
}

faults('an abort while waiting for a connection ends the wait, and the connection is not lost', async () => {
  const name = await scene.table(COLUMNS)
  const table = tableOf(name, NAMES)
  await write(driver, table, good(1))
  const client = await scene.pool.connect()
  const controller = new AbortController()
  const failing = failure(driver, table, good(1, 10), controller.signal)
  const reason = new Error('enough')
  controller.abort(reason)
  const { error, cause } = await failing
  assert.is(cause, reason)
  assert.is(error.ambiguous, false)
  client.release()
  await write(driver, table, good(1, 20))
  assert.equal(await scene.sql(`SELECT id FROM ${name} ORDER BY id`), [{ id: 0 }, { id: 20 }])
})

faults('a first look-up that nobody waits for any more ends, and the next one starts anew', async () => {
  const name = await scene.table(COLUMNS)
  const table = tableOf(name, NAMES)
  const fresh = scene.driver()
  const client = await scene.pool.connect()
  const [first, second] = [new AbortController(), new AbortController()]
  const failing = [first, second].map(({ signal }) => failure(fresh, table, good(1), signal))
  first.abort(new Error('enough'))
  assert.is((await failing[0]!).cause.message, 'enough')
  second.abort(new Error('enough of it'))
  assert.is((await failing[1]!).cause.message, 'enough of it')
  client.release()
  await write(fresh, table, good(1))
})

faults('an attempt that is aborted already sends nothing', async () => {
  const name = await scene.table(COLUMNS)
  const table = tableOf(name, NAMES)
  await write(driver, table, good(1))
  const { error } = await failure(driver, table, good(1, 10), AbortSignal.abort(new Error('no')))
  assert.is(error.ambiguous, false)
  assert.is((await scene.sql(`SELECT * FROM ${name}`)).length, 1)
})

faults('a server that is not there: nothing was sent', async () => {
  const name = await scene.table(COLUMNS)
  const nowhere = new pg.Pool({ host: '127.0.0.1', port: 1, max: 1 })
  const unreachable = new PostgresDriver(nowhere)
  const lookUp = await failure(unreachable, tableOf(name, NAMES), good(1))
  assert.equal([lookUp.error.ambiguous, lookUp.reason], [false, 'connection'])
  await nowhere.end()
  let connects = 0
  const dying = new PostgresDriver({ connect: () => (connects++ === 0 ? scene.pool : nowhere).connect() })
  const { error, reason } = await failure(dying, tableOf(name, NAMES), good(1))
  assert.equal([error.ambiguous, reason], [false, 'non_retryable'])
})

faults('the time limit of pg itself leaves the outcome unknown and costs the connection', async () => {
  const name = await scene.table(COLUMNS)
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, query_timeout: 300 })
  const by = new PostgresDriver(pool)
  const table = tableOf(`${scene.schema}.${name}`, NAMES)
  await write(by, table, good(1))
  await whileLocked(name, async () => {
    const { error, reason } = await failure(by, table, good(1, 10))
    assert.equal([error.ambiguous, reason], [true, 'timeout'])
  })
  await write(by, table, good(1, 20))
  await pool.end()
})

/** The server at the far end of a line that can go dead without a word: nothing more arrives, nothing is closed. */
async function proxied(work: (pool: pg.Pool, dead: (is: boolean) => void) => Promise<void>): Promise<void> {
  const { hostname, port } = new URL(scene.url)
  const sockets = new Set<Socket>()
  let isDead = false
  const proxy = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port || 5432) })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => isDead || to.write(bytes))
      from.on('error', () => to.destroy())
      from.on('end', () => isDead || to.end())
      from.on('close', () => isDead || to.destroy())
    }
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const url = new URL(scene.url)
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const pool = new pg.Pool({ connectionString: url.href, max: 1, options: `-c search_path=${scene.schema}` })
  try {
    await work(pool, (is) => {
      isDead = is
    })
  } finally {
    await pool.end()
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => proxy.close(resolve))
  }
}

faults('a line that is dead: the first look-up ends with the attempt, its connection is given up', async () => {
  const name = await scene.table(COLUMNS)
  await proxied(async (pool, dead) => {
    const by = new PostgresDriver(pool)
    await pool.query('SELECT 1')
    dead(true)
    const { error, cause } = await failure(by, tableOf(name, NAMES), good(1), AbortSignal.timeout(50))
    assert.equal([error.ambiguous, cause.name], [false, 'TimeoutError'])
    dead(false)
    await write(by, tableOf(name, NAMES), good(1))
  })
})

faults('a line that is dead: the outcome is unknown a second after the abort, its connection is given up', async () => {
  const table = tableOf(await scene.table(COLUMNS), NAMES)
  await proxied(async (pool, dead) => {
    const by = new PostgresDriver(pool)
    await write(by, table, good(1))
    dead(true)
    const start = performance.now()
    const { error, cause } = await failure(by, table, good(1, 10), AbortSignal.timeout(50))
    assert.equal([error.ambiguous, cause.name], [true, 'TimeoutError'])
    assert.ok(performance.now() - start < 3000)
    dead(false)
    await write(by, table, good(1, 20))
  })
})

faults('neither listeners nor connections pile up', async () => {
  const name = await scene.table(COLUMNS)
  const table = tableOf(name, NAMES)
  const client = await scene.pool.connect()
  const count = () => client.eventNames().map((event) => [event, client.listenerCount(event)])
  client.release()
  await write(driver, table, good(1))
  const before = count()
  for (let i = 1; i < 30; i++) {
    await write(driver, table, good(1, i))
    await failure(driver, table, good(1))
    await failure(driver, tableOf(name, NAMES, { action: 'ignore' }), [{ id: null }])
  }
  assert.equal(count(), before)
  assert.equal([scene.pool.totalCount, scene.pool.idleCount, scene.pool.waitingCount], [1, 1, 0])
})

faults('a listener on the signal does not outlive the attempt', async () => {
  const name = await scene.table(COLUMNS)
  const { signal } = new AbortController()
  let listeners = 0
  const [add, remove] = [signal.addEventListener, signal.removeEventListener]
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add.apply(signal, args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove.apply(signal, args)
  }
  await write(scene.driver(), tableOf(name, NAMES), good(1), signal)
  await failure(driver, tableOf(name, NAMES), good(1), signal)
  assert.is(listeners, 0)
})

faults.run()
