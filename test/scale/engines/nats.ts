import { connect } from '@nats-io/transport-node'
import { nats, natsPublisher } from '../../../src/sources/nats/index.ts'
import { bootNats } from '../../support/servers/private-servers.ts'
import { servers } from '../../support/servers/servers.ts'
import type { Engine } from '../engine.ts'

const STREAM = { stream: 'rows', partitions: 8 }
/** A beat of a worker on a machine that is this busy may take more than a second: shorter leases are lost again and again. */
const LEASE = 5000

const open = (url: string) => connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 })

export const engine: Engine = {
  name: 'nats',
  start: async () => {
    const program = await servers.natsProgram()
    if (program === undefined) return undefined
    const server = await bootNats(program)
    return {
      config: server.url,
      restart: async () => {
        await server.crash()
        await server.start()
      },
      close: () => server.remove(),
    }
  },
  publisher: async (url) => {
    const client = await open(url)
    return { value: natsPublisher(client, STREAM), close: () => client.close() }
  },
  source: async (url) => {
    const client = await open(url)
    return { value: nats(client, { ...STREAM, leaseTime: LEASE }), close: () => client.close() }
  },
}
