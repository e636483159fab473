import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MysqlConnection } from '../../../src/drivers/mysql/client.ts'
import { fenceOf } from '../../../src/drivers/mysql/fence.ts'
import type { Settings } from '../../../src/drivers/mysql/server.ts'
import { thrownBy } from '../../support/assertions.ts'

const fences = suite('the fence of MySQL')
const never = new AbortController().signal
const OURS = 7

/** What one connection of a server answers. */
interface Answers {
  readonly threadId?: number
  readonly server?: string
  readonly uptime?: number
  /** Of one `KILL` after the other; 0: it is done. */
  readonly kills?: readonly number[]
}

function refusal(errno: number): Error {
  return Object.assign(new Error(`errno ${errno}`), { errno, sqlState: 'HY000' })
}

/** A lender of one connection, number 8 as the server counts, and what was asked of it. */
function serverThat({ threadId = 8, server = 'a', uptime = 1e6, kills = [1094] }: Answers) {
  const asked: string[] = []
  const left = [...kills]
  const query = async ({ sql }: { sql: string }) => {
    asked.push(sql.split(' ', 1)[0]!)
    if (sql.startsWith('SELECT')) return [[['10.11.0-MariaDB', 1e6, '', 1, 8, server]], []]
    if (sql.startsWith('SHOW')) return [[['Uptime', String(uptime)]], []]
    const errno = left.shift()
    if (errno !== 0) throw refusal(errno!)
    return [[], []]
  }
  const connection = { threadId, connection: {}, query, on: () => undefined, removeListener: () => undefined }
  const lender = {
    borrow: async () => connection as unknown as MysqlConnection,
    giveBack: () => undefined,
    outlives: () => true,
  }
  return { asked, lender }
}

/** Runs the fence of session 7 as often as it succeeds, and returns the warnings. */
async function warningsOf(
  lender: ReturnType<typeof serverThat>['lender'],
  known = OURS,
  times = 1,
): Promise<unknown[]> {
  const warnings: unknown[] = []
  const listen = (warning: Error) => warnings.push(Reflect.get(warning, 'code'))
  process.on('warning', listen)
  const settings = { connectionId: known, server: 'a' } as Settings
  const fence = fenceOf(lender, { threadId: OURS, settings, began: performance.now() - 5000 })
  try {
    for (let i = 0; i < times; i++) await fence(never)
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', listen)
  }
  return warnings
}

fences('kills until the session is gone', async () => {
  const { asked, lender } = serverThat({ kills: [0, 0, 1094] })
  assert.equal(await warningsOf(lender), [])
  assert.equal(asked, ['SELECT', 'SHOW', 'KILL', 'KILL', 'KILL'])
})

fences('leaves the sessions of a server alone that has started since', async () => {
  const { asked, lender } = serverThat({ uptime: 4 })
  assert.equal(await warningsOf(lender), [])
  assert.equal(asked, ['SELECT', 'SHOW'])
})

fences('behind a proxy, on another server and without the right it says once that nobody knows', async () => {
  for (const [answers, known] of [
    [{ threadId: 80 }, OURS],
    [{}, 70],
    [{ server: 'b' }, OURS],
    [{ kills: [1095, 1095] }, OURS],
    [{ kills: [1227, 1227] }, OURS],
  ] as const) {
    assert.equal(await warningsOf(serverThat(answers).lender, known, 2), ['BATCHFLOW_FENCE'])
  }
})

fences('rejects while the server gives no answer', async () => {
  const { lender } = serverThat({ kills: [1053] })
  const error = (await thrownBy(() => warningsOf(lender))) as Error
  assert.is(error.message, 'errno 1053')
})

fences.run()
