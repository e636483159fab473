import { AckPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { nats, natsPublisher } from 'batchflow-otel/nats'
import { bootNats } from '../../../test/support/servers/private-servers.ts'
import { servers } from '../../../test/support/servers/servers.ts'
import { LEASE, type Log } from '../log.ts'

const open = (url: string) => connect({ servers: url, maxReconnectAttempts: -1 })

export const log: Log = {
  name: 'nats',
  start: async () => {
    const program = await servers.natsProgram()
    if (program === undefined) return undefined
    const server = await bootNats(program)
    return { config: server.url, pid: server.pid, close: () => server.remove() }
  },
  create: async (url, stream) => {
    const client = await open(url)
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: stream, subjects: [`${stream}.*`] })
    await manager.consumers.add(stream, { durable_name: 'by-hand', ack_policy: AckPolicy.Explicit })
    await client.close()
  },
  publisher: async (url, stream) => {
    const client = await open(url)
    return { value: natsPublisher(client, { stream }), close: () => client.close() }
  },
  source: async (url, stream) => {
    const client = await open(url)
    return { value: nats(client, { stream, leaseTime: LEASE }), close: () => client.close() }
  },
  sender: async (url, stream) => {
    const client = await open(url)
    const js = jetstream(client)
    const value = (bodies: readonly string[]) => Promise.all(bodies.map((body) => js.publish(`${stream}.0`, body)))
    return { value, close: () => client.close() }
  },
  async *fetches(url, stream, size) {
    const consumer = await jetstream(await open(url)).consumers.get(stream, 'by-hand')
    let messages: JsMsg[] = []
    for await (const message of await consumer.consume()) {
      messages.push(message)
      if (messages.length < size && message.info.pending > 0) continue
      const fetched = messages
      messages = []
      yield {
        bodies: fetched.map((one) => one.string()),
        ack: (from, to) => {
          for (const one of fetched.slice(from, to)) one.ack()
        },
      }
    }
  },
}
