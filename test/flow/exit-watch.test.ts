import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rig } from '../support/engine/flow.ts'
import { committing } from '../support/engine/memory-driver.ts'
import { user, users } from '../support/engine/tables.ts'
import { InlineProgram } from '../support/programs/inline.ts'

const test = suite('exit watch')

/** Flows over a database that never answers and one that always does; `copy`: the package as `require` loads it. */
const PROGRAM = `
  import { BatchFlow, createExecutor, defineTable } from './src/index.ts'
  import { createRequire } from 'node:module'
  const copy = createRequire(process.cwd() + '/program.js')('./src/index.ts')
  if (copy.BatchFlow === BatchFlow) throw new Error('this is no copy')
  const listeners = process.listenerCount('exit')
  const driver = (run) => ({ name: 'memory', plan: () => ({ name: 'INSERT', text: '' }), run })
  const stalled = createExecutor(driver(() => new Promise(() => {}))).withConcurrencyLimit(1).withTimeout(0)
  const writing = createExecutor(driver(async () => {}))
  const users = defineTable('users', { columns: ['id'] })
  const orders = defineTable('orders', { columns: ['id'] })
  const rows = (count) => Array.from({ length: count }, (_, id) => ({ id }))
`

async function stderrOf(code: string): Promise<[number | null, string]> {
  const { code: status, stderr } = await new InlineProgram(PROGRAM + code).ended()
  return [status, stderr]
}

test('rows that are not settled when the process exits are told of in one line, for all flows and copies', async () => {
  const [status, stderr] = await stderrOf(`
    const flow = new BatchFlow(stalled, { flushSize: 100 })
    await flow.submitMany(users, rows(150))
    await new copy.BatchFlow(writing, { flushInterval: 60_000 }).submitMany(orders, rows(7))
    await new copy.BatchFlow(writing, { flushInterval: 60_000 }).submitMany(users, rows(3))
    if (process.listenerCount('exit') !== listeners + 1) throw new Error('one listener is enough')
    process.exit(3)`)
  assert.is(status, 3, 'the status stays what it was')
  assert.is(
    stderr,
    'batchflow-otel: the process ends with 160 rows accepted and not settled, 153 of "users", 7 of "orders": lost, unless ' +
      'the database took those that were in flight (100). Await flow.close() first, or use closeOnSignals(flow).\n',
  )
})

test('so are those that a process leaves because nothing keeps it alive', async () => {
  const [status, stderr] = await stderrOf(`
    const flow = new BatchFlow(stalled, { flushSize: 1 })
    await flow.submit(users, { id: 1 })`)
  assert.is(status, 0)
  assert.match(stderr, /ends with 1 row accepted and not settled, 1 of "users": lost, unless/)
})

test('even of a flow that nothing holds any more, as its database has forgotten it', async () => {
  const [, stderr] = await stderrOf(`
    import { runInNewContext } from 'node:vm'
    import { setFlagsFromString } from 'node:v8'
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc')
    const forget = async () => {
      const never = createExecutor(driver(() => new Promise(() => {}))).withTimeout(0)
      await new BatchFlow(never, { flushSize: 1 }).submit(users, { id: 1 })
      const settled = new BatchFlow(writing, { flushSize: 1 })
      await settled.write(users, { id: 1 })
      return new WeakRef(settled)
    }
    const settled = await forget()
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      collect()
    }
    console.error(settled.deref() === undefined)`)
  assert.match(stderr, /^true$/m, 'one whose rows are all settled is collected')
  assert.match(stderr, /ends with 1 row accepted and not settled, 1 of "users": lost, unless/)
})

test('and by an error nobody caught', async () => {
  const [status, stderr] = await stderrOf(`
    const flow = new BatchFlow(writing, { flushInterval: 60_000 })
    await flow.submit(users, { id: 1 })
    setImmediate(() => { throw new Error('out of luck') })`)
  assert.is(status, 1)
  assert.match(stderr, /^batchflow-otel: the process ends with 1 row accepted and not settled, 1 of "users": lost\. /m)
})

test('many tables are not all named', async () => {
  const [, stderr] = await stderrOf(`
    const flow = new BatchFlow(writing, { flushInterval: 60_000 })
    for (let i = 0; i < 12; i++) await flow.submit(defineTable('t' + i, { columns: ['id'] }), { id: 1 })
    process.exit()`)
  assert.match(stderr, /12 rows accepted and not settled, 1 of "t0", .*1 of "t9", others of 2 more tables: lost/)
})

test('nothing is said of flows that are closed, or whose rows are all settled', async () => {
  const [status, stderr] = await stderrOf(`
    const closed = new BatchFlow(stalled, { flushSize: 1 })
    await closed.submit(users, { id: 1 })
    const { abandoned } = await closed.close({ timeout: 0 })
    const flow = new BatchFlow(writing)
    await flow.write(users, { id: 1 })
    process.exit(abandoned === 1 ? 0 : 9)`)
  assert.equal([status, stderr], [0, ''])
})

test('ten thousand flows have one listener, and none when they are closed', async () => {
  const before = process.listenerCount('exit')
  const flows = Array.from({ length: 10_000 }, () => rig({}, undefined, committing()).flow)
  assert.ok(process.listenerCount('exit') <= before + 1)
  for (const flow of flows) await flow.submit(users, user(1))
  await Promise.all(flows.map((flow) => flow.close()))
  assert.is(process.listenerCount('exit'), before)
})

test.run()
