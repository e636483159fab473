import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { nats, natsPublisher } from '../../../src/sources/nats/index.ts'
import { bootNats } from '../../support/servers/private-servers.ts'
import { needed, servers } from '../../support/servers/servers.ts'
import { conformance, type SourceScene } from './conformance.ts'

/** A server of its own, so that it can be killed. */
const server = await bootNats(needed(await servers.natsProgram()))
process.once('beforeExit', () => void server.remove())
let count = 0

conformance({
  name: 'nats',
  open: async (): Promise<SourceScene> => {
    const open = () => connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
    const [client, mortal] = await Promise.all([open(), open()])
    const stream = `rows${++count}`
    const settings = { stream, partitions: 4 }
    const options = { ...settings, leaseTime: 2000 }
    return {
      source: () => nats(client, options),
      mortal: () => ({ source: nats(mortal, options), vanish: () => mortal.close() }),
      publisher: (more) => natsPublisher(client, { ...settings, ...more }),
      poison: async (body) => {
        const manager = await jetstreamManager(client)
        await manager.jetstream().publish(`${stream}.0`, body)
      },
      deadLetters: async () => {
        const manager = await jetstreamManager(client)
        const letters = []
        const last = await manager.streams.info(`${stream}-dead`).then(
          ({ state }) => state.last_seq,
          () => 0,
        )
        for (let seq = 1; seq <= last; seq++) {
          const { data, header } = (await manager.streams.getMessage(`${stream}-dead`, { seq }))!
          letters.push({ body: data, reason: header.get('batchflow-reason'), table: header.get('batchflow-table') })
        }
        return letters
      },
      crash: async () => {
        await server.crash()
        await server.start()
      },
      close: async () => {
        await client.close()
        await mortal.close()
      },
    }
  },
})
