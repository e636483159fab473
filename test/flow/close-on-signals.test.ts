import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { closeOnSignals } from '../../src/flow/close-on-signals.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { rig } from '../support/engine/flow.ts'
import { type InlineEnded, InlineProgram } from '../support/programs/inline.ts'

const test = suite('closeOnSignals')

/**
 * A program that has said `ready` and stays until it is told to end. `slow`: a flow whose only batch goes on until `go()`;
 * `stalled`: one whose batches end when they are cancelled; `told(…)`: what `last` was given.
 */
const PROGRAM = `
  import { BatchFlow, closeOnSignals, createExecutor, defineTable } from './src/index.ts'
  import { createRequire } from 'node:module'
  const users = defineTable('users', { columns: ['id'] })
  const orders = defineTable('orders', { columns: ['id'] })
  const executorOf = (run) => createExecutor({ name: 'memory', plan: () => ({ name: 'INSERT', text: '' }), run })
  let go
  const gate = new Promise((resolve) => (go = resolve))
  const slow = executorOf(() => gate)
  const quick = executorOf(async () => {})
  const stalled = executorOf((_, { signal }) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  }))
  const told = (summary, signal) => {
    const { committed, failed, abandoned, abandonedRows } = summary
    console.log(JSON.stringify({ committed, failed, abandoned, rows: abandonedRows.length, signal }))
  }
  process.on('exit', (code) => console.log('exit event', code))
  const server = setInterval(() => {}, 1000)
  const announce = (flow) => {
    const { close } = flow
    let calls = 0
    flow.close = (options) => { console.log('close', ++calls); return close.call(flow, options) }
  }
  const ready = () => console.log('ready')
`

/** Runs the program, sends it each signal once it has said what stands before it. */
async function run(code: string, ...talk: readonly (readonly [string, NodeJS.Signals])[]): Promise<InlineEnded> {
  const program = new InlineProgram(PROGRAM + code)
  for (const [text, signal] of talk) {
    await program.says(text)
    program.child.kill(signal)
  }
  return program.ended()
}

test('the first signal writes everything out, and then ends the process as the signal would have', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const ended = await run(
      `const flow = new BatchFlow(quick, { flushInterval: 60_000 })
       await flow.submit(users, { id: 1 })
       closeOnSignals(flow, { last: async (...args) => { await new Promise(setImmediate); told(...args) } })
       ready()`,
      ['ready', signal],
    )
    const summary = JSON.stringify({ committed: 1, failed: 0, abandoned: 0, rows: 0, signal })
    assert.equal(ended, { code: null, signal, stdout: `ready\n${summary}\n`, stderr: '' })
  }
})

test('`first` is waited for, and rows it brings are written; its error ends the process once all is done', async () => {
  const { stdout, stderr, code } = await run(
    `const flow = new BatchFlow(quick, { flushInterval: 60_000 })
     const first = async (signal) => {
       await new Promise(setImmediate)
       await flow.submit(users, { id: 1 })
       throw new Error('the server does not stop after ' + signal)
     }
     closeOnSignals(flow, { first, last: told })
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.match(stdout, '{"committed":1,"failed":0,"abandoned":0,"rows":0,"signal":"SIGTERM"}')
  assert.match(stderr, 'the server does not stop after SIGTERM')
  assert.is(code, 1)
})

test('`first` that throws at once leaves no timer behind', async () => {
  const { stdout, signal } = await run(
    `process.on('unhandledRejection', () => {})
     const first = () => { throw new Error('no server') }
     const last = () => {
       clearInterval(server)
       console.log('timers:', process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length)
       setInterval(() => {}, 1000)
     }
     closeOnSignals(new BatchFlow(quick), { first, last })
     ready()`,
    ['ready', 'SIGTERM'],
    ['timers: ', 'SIGKILL'],
  )
  assert.match(stdout, 'timers: 0')
  assert.is(signal, 'SIGKILL')
})

test('`first` is waited for no longer than there is time, or until a second signal', async () => {
  for (const [timeout, ...more] of [['50'], ['Infinity', ['stopping', 'SIGINT'] as const]] as const) {
    const { stdout, signal } = await run(
      `const flow = new BatchFlow(quick)
       await flow.submit(users, { id: 1 })
       await flow.flush()
       closeOnSignals(flow, { first: () => { console.log('stopping'); return gate }, timeout: ${timeout}, last: told })
       ready()`,
      ['ready', 'SIGTERM'],
      ...more,
    )
    assert.match(stdout, 'stopping\n{"committed":1,"failed":0,"abandoned":0,"rows":0,"signal":"SIGTERM"}')
    assert.is(signal, 'SIGTERM')
  }
})

test('flows are closed in order, and those behind go on accepting until it is their turn', async () => {
  const { stdout, signal } = await run(
    `const letters = new BatchFlow(quick, { flushInterval: 60_000 })
     const flow = new BatchFlow(stalled, { flushSize: 1, deadLetter: (dead) => letters.submitMany(users, dead.map(({ row }) => row)) })
     await flow.submit(orders, { id: 1 })
     closeOnSignals([flow, letters], { timeout: 50, last: told })
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.is(signal, 'SIGTERM')
  assert.match(stdout, '{"committed":1,"failed":1,"abandoned":0,"rows":0,"signal":"SIGTERM"}')
})

test('a second signal gives up at once what is not written', async () => {
  const { stdout, signal } = await run(
    `const flow = new BatchFlow(stalled, { flushSize: 1 })
     await flow.submitMany(users, [{ id: 1 }, { id: 2 }])
     closeOnSignals([flow, new BatchFlow(quick)], { timeout: Infinity, last: told })
     announce(flow)
     ready()`,
    ['ready', 'SIGTERM'],
    ['close 1', 'SIGINT'],
  )
  assert.match(stdout, '{"committed":0,"failed":0,"abandoned":2,"rows":2,"signal":"SIGTERM"}')
  assert.is(signal, 'SIGTERM')
})

test('a third one has its usual effect', async () => {
  const { signal, stdout } = await run(
    `const flow = new BatchFlow(slow, { flushSize: 1, deadLetter: () => new Promise(() => {}) })
     await flow.submit(users, { id: 1 })
     closeOnSignals(flow)
     announce(flow)
     ready()`,
    ['ready', 'SIGTERM'],
    ['close 1', 'SIGTERM'],
    ['close 2', 'SIGINT'],
  )
  assert.equal([signal, stdout], ['SIGINT', 'ready\nclose 1\nclose 2\n'])
})

test('where the application listens too, the process is left to it', async () => {
  for (const how of ['on', 'once']) {
    const { code, stdout } = await run(
      `process.${how}('SIGTERM', () => setTimeout(() => { console.log('mine'); process.exit(7) }, 300))
       closeOnSignals(new BatchFlow(quick), { last: told })
       ready()`,
      ['ready', 'SIGTERM'],
    )
    assert.is(code, 7)
    assert.match(stdout, /"signal":"SIGTERM"\}\nmine\n/)
  }
})

test('unless it is told to end it, which then has the status of the signal', async () => {
  const { code, stdout } = await run(
    `process.on('SIGTERM', () => console.log('heard'))
     closeOnSignals(new BatchFlow(quick), { exit: true })
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.equal([code, stdout], [143, 'ready\nheard\nexit event 143\n'])
})

test('or not to end it, which then ends when nothing keeps it', async () => {
  const { code, signal } = await run(
    `closeOnSignals(new BatchFlow(quick), { exit: false, last: () => clearInterval(server) })
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.equal([code, signal], [0, null])
})

test('of several calls, in two copies of the package, the last to be done ends the process', async () => {
  const { signal, stdout } = await run(
    `const copy = createRequire(process.cwd() + '/program.js')('./src/index.ts')
     const flow = new BatchFlow(slow, { flushSize: 1 })
     await flow.submit(users, { id: 1 })
     copy.closeOnSignals(flow, { last: told })
     closeOnSignals(new copy.BatchFlow(quick), { last: () => { console.log('first'); setTimeout(go, 100) } })
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.is(signal, 'SIGTERM')
  assert.match(stdout, /first\n\{"committed":1/)
})

test('what `last` throws ends the process with status 1', async () => {
  const { code, stderr } = await run(
    `closeOnSignals(new BatchFlow(quick), { last: () => { throw new Error('the pool does not end') } })
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.is(code, 1)
  assert.match(stderr, 'the pool does not end')
})

test('as process 1, which its own signals do not end, it exits with their status', async () => {
  const { code } = await run(
    `const { kill } = process
     process.kill = () => true
     closeOnSignals(new BatchFlow(quick))
     ready()`,
    ['ready', 'SIGTERM'],
  )
  assert.is(code, 143)
})

test('the listeners can be taken away, and leave none behind', () => {
  const count = () => ['SIGTERM', 'SIGINT', 'SIGHUP'].map((signal) => process.listenerCount(signal))
  const before = count()
  const { flow } = rig()
  const stops = [closeOnSignals(flow), closeOnSignals([flow], { signals: ['SIGHUP'] })]
  assert.equal(
    count(),
    before.map((listeners) => listeners + 1),
  )
  for (const stop of stops) stop()
  assert.equal(count(), before)
})

test('refuses what is no flow, no signal or no time', async () => {
  const { flow } = rig()
  const refuses = (message: string, act: () => unknown) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  await refuses('closeOnSignals: flows must be a BatchFlow with a method close(), received undefined', () =>
    closeOnSignals(undefined as never),
  )
  await refuses('closeOnSignals: signals must be a list of signals like SIGTERM, received an array', () =>
    closeOnSignals(flow, { signals: ['TERM' as never] }),
  )
  await refuses('closeOnSignals: timeout must be a number from 0 to Infinity, received -1', () =>
    closeOnSignals(flow, { timeout: -1 }),
  )
})

test.run()
