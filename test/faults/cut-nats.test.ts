import { connect } from '@nats-io/transport-node'
import { nats, natsPublisher } from '../../src/sources/nats/index.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { bootNats } from '../support/servers/private-servers.ts'
import { needed, servers } from '../support/servers/servers.ts'
import { type CutLog, cutLogs } from './cut-logs.ts'

const server = await bootNats(needed(await servers.natsProgram()))
let count = 0

async function open(): Promise<CutLog> {
  const { hostname, port } = new URL(server.url)
  const proxy = await FaultProxy.open(hostname, Number(port))
  const settings = { timeout: 1000, maxReconnectAttempts: -1, reconnectTimeWait: 50 }
  const client = await connect({ servers: `nats://127.0.0.1:${proxy.port}`, ...settings })
  const options = { stream: `rows${++count}`, partitions: 4 }
  return {
    proxies: [proxy],
    source: nats(client, { ...options, leaseTime: 3000 }),
    publisher: natsPublisher(client, options),
    close: async () => {
      await client.close()
      await proxy.close()
    },
  }
}

cutLogs('nats', open, () => server.remove())
