import { EventEmitter } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import { answerTo, type Lease, type Lender, withLease } from '../../../src/drivers/kit/lease.ts'
import { thrownBy } from '../../support/assertions.ts'

const leases = suite('leases')
const refusal = new Error('refused by the server')

function unexpected(): never {
  throw new Error('must not be called')
}

/** Lends one emitter, and notes how it comes back. */
class OneConnection implements Lender<EventEmitter> {
  readonly connection = new EventEmitter()
  readonly returned: (Error | undefined)[] = []

  borrow(listen: (connection: EventEmitter) => void): Promise<EventEmitter> {
    listen(this.connection)
    return Promise.resolve(this.connection)
  }

  giveBack(_: EventEmitter, doubt?: Error): void {
    this.returned.push(doubt)
  }

  outlives(error: unknown): boolean {
    return error === refusal
  }

  use<T>(work: (lease: Lease<EventEmitter>) => Promise<T>, signal = new AbortController().signal): Promise<T> {
    return withLease(this, signal, work)
  }
}

async function failureOf(act: () => unknown, cause: unknown): Promise<void> {
  const error = await thrownBy(act)
  assert.ok(error instanceof AttemptError)
  assert.equal([error.ambiguous, error.cause === cause], [false, true])
}

leases('a connection that did well goes back, and its errors are heard by others again', async () => {
  const pool = new OneConnection()
  const result = await pool.use(async ({ connection }) => {
    connection.emit('error', new Error('said twice'))
    return 'done'
  })
  assert.is(result, 'done')
  assert.equal(pool.returned, [undefined])
  assert.is(pool.connection.listenerCount('error'), 0)
})

leases('one in doubt is closed, and may speak of errors afterwards', async () => {
  const pool = new OneConnection()
  const [first, second] = [new Error('first'), new Error('second')]
  const thrown = await thrownBy(() =>
    pool.use(async (lease) => {
      lease.doubt(first)
      lease.doubt(second)
      assert.ok(lease.inDoubt)
      throw second
    }),
  )
  assert.is(thrown, second)
  assert.equal(pool.returned, [first])
  pool.connection.emit('error', new Error('late'))
})

leases('an error it outlives is no doubt, any other is', async () => {
  const pool = new OneConnection()
  await pool.use(async (lease) => lease.doubtAfter(refusal))
  await pool.use(async (lease) => lease.doubtAfter('gone'))
  assert.equal(
    pool.returned.map((doubt) => doubt?.message),
    [undefined, 'the connection was given up'],
  )
})

leases('a pool that fails has sent nothing', async () => {
  const pool = new OneConnection()
  const cause = new Error('no connection')
  pool.borrow = () => Promise.reject(cause)
  await failureOf(() => pool.use(unexpected), cause)
  assert.equal(pool.returned, [])
})

leases('an abort gives up waiting, and a connection that comes late goes straight back', async () => {
  const pool = new OneConnection()
  const abort = new AbortController()
  let arrive: (connection: EventEmitter) => void = () => undefined
  const late = new Promise<EventEmitter>((resolve) => {
    arrive = resolve
  })
  pool.borrow = () => late
  const waiting = failureOf(() => pool.use(unexpected, abort.signal), 'enough')
  abort.abort('enough')
  await waiting
  assert.equal(pool.returned, [])
  arrive(pool.connection)
  await late
  assert.equal(pool.returned, [undefined])
})

leases('nothing is borrowed after an abort', async () => {
  const pool = new OneConnection()
  pool.borrow = unexpected
  await failureOf(() => pool.use(unexpected, AbortSignal.abort('before')), 'before')
})

leases('a question that is answered, or refused, costs nothing', async () => {
  const pool = new OneConnection()
  const { signal } = new AbortController()
  assert.is(await pool.use((lease) => answerTo(lease, Promise.resolve(1), signal)), 1)
  await failureOf(() => pool.use((lease) => answerTo(lease, Promise.reject(refusal), signal)), refusal)
  assert.equal(pool.returned, [undefined, undefined])
})

leases('a question whose answer nobody waits for costs the connection', async () => {
  const pool = new OneConnection()
  const abort = new AbortController()
  const reason = new Error('enough')
  const asking = pool.use((lease) => {
    setImmediate(() => abort.abort(reason))
    return answerTo(lease, new Promise(() => undefined), abort.signal)
  })
  await failureOf(() => asking, reason)
  assert.equal(pool.returned, [reason])
})

leases.run()
