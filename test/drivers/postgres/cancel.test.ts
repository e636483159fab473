import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cancelStatement } from '../../../src/drivers/postgres/cancel.ts'
import type { PgClient, PgStream } from '../../../src/drivers/postgres/client.ts'

const cancelling = suite('cancel request')

/** 16 bytes; code 1234 5678; process; key (PostgreSQL documentation, "CancelRequest"). */
const REQUEST = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0x30, 0x39, 0x80, 0, 0, 1]

/** As far as cancelling goes: the connection itself is never used. */
function client(slice: Partial<PgClient>, stream: Partial<PgStream> = {}): PgClient {
  const part = { processID: 12345, secretKey: -2147483647, connection: { stream }, ...slice }
  return part as unknown as PgClient
}

/** A server that notes what it is sent and, like PostgreSQL, closes without an answer. */
async function listening(at: string | number, work: (server: Server) => Promise<unknown>): Promise<number[]> {
  const received: number[] = []
  const server = createServer((socket) => socket.on('data', (bytes) => received.push(...bytes) && socket.end()))
  await new Promise<void>((resolve) =>
    typeof at === 'string' ? server.listen(at, resolve) : server.listen(at, '127.0.0.1', resolve),
  )
  await work(server)
  await new Promise((resolve) => server.close(resolve))
  return received
}

cancelling('goes to the machine the connection reached, whatever its name says', async () => {
  const received = await listening(0, async (server) => {
    const { port } = server.address() as AddressInfo
    const stream = { remoteAddress: '127.0.0.1', remotePort: port }
    assert.is(await cancelStatement(client({ host: 'elsewhere.invalid', port: 1 }, stream)), true)
  })
  assert.equal(received, REQUEST)
})

cancelling('goes through the unix socket the connection came through', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'batchflow-'))
  const received = await listening(join(folder, '.s.PGSQL.6543'), async () => {
    assert.is(await cancelStatement(client({ host: folder, port: 6543 })), true)
  })
  await rm(folder, { recursive: true })
  assert.equal(received, REQUEST)
})

cancelling('that cannot be delivered says so', async () => {
  let free = 0
  await listening(0, async (server) => {
    free = (server.address() as AddressInfo).port
  })
  assert.is(await cancelStatement(client({}, { remoteAddress: '127.0.0.1', remotePort: free })), false)
  assert.is(await cancelStatement(client({ host: 'a name is no address' })), false)
})

cancelling.run()
