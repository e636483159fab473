import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** What the client sent last. */
  request?: Buffer
}

/**
 * How a network breaks. `reset`: both sides get a RST. `end`: both get a FIN. `reply`: the request arrives and its reply is
 * cut off. `request`: half of what the client sends arrives, then both sides get a RST. `half-close`: the client is told that
 * nothing will come any more, and may go on sending. `black hole`: nothing arrives and nobody is told. `delay` and
 * `throttle`: everything arrives, late or slowly.
 */
export type NetworkFault =
  | 'none'
  | 'reset'
  | 'end'
  | 'reply'
  | 'request'
  | 'half-close'
  | 'black hole'
  | 'delay'
  | 'throttle'

/** Stands between a client and a real server on this machine, and breaks the connection in the ways networks do. */
export class FaultProxy {
  #fault: NetworkFault = 'none'
  /** With the fault `reply`: only the reply to a request that has this in it is cut off. */
  replyTo = ''
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  /** What is still to be written, by the socket it is for. */
  readonly #queues = new WeakMap<Socket, Promise<void>>()
  readonly #whenCut: (() => void)[] = []
  #released = Promise.resolve()
  #release = (): void => undefined

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client, target))
  }

  static async open(host: string, port: number): Promise<FaultProxy> {
    const proxy = new FaultProxy({ host, port })
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Connections through it that are up. */
  get connections(): number {
    return this.#pairs.size
  }

  get fault(): NetworkFault {
    return this.#fault
  }

  /** What a black hole held back arrives when it ends, as in a network that was only slow. */
  set fault(fault: NetworkFault) {
    this.#fault = fault
    this.#release()
    if (fault === 'black hole') this.#released = new Promise((resolve) => (this.#release = resolve))
  }

  /** Resolves when the next reply has been cut off. */
  whenReplyCut(): Promise<void> {
    return new Promise((resolve) => this.#whenCut.push(resolve))
  }

  /** Holds what is sent over the connections that are up now, in either direction; new ones work. Returns what ends it. */
  freeze(): () => void {
    let thaw = (): void => undefined
    const thawed = new Promise<void>((resolve) => (thaw = resolve))
    for (const pair of this.#pairs) {
      for (const socket of [pair.client, pair.server]) {
        this.#queues.set(
          socket,
          (this.#queues.get(socket) ?? Promise.resolve()).then(() => thawed),
        )
      }
    }
    return thaw
  }

  /** Ends every connection that is up. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  async close(): Promise<void> {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket, target: { host: string; port: number }): void {
    const server = dial({ ...target, allowHalfOpen: true })
    const pair = { client, server }
    for (const socket of [client, server]) this.#queues.set(socket, Promise.resolve())
    this.#pairs.add(pair)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#pairs.delete(pair)
        this.#after(other, () => other.destroySoon())
      })
    }
    client.on('data', (bytes) => this.#fromClient(pair, bytes))
    server.on('data', (bytes) => this.#fromServer(pair, bytes))
    client.on('end', () => this.#after(server, () => server.end()))
    server.on('end', () => this.#after(client, () => client.end()))
  }

  #fromClient(pair: Pair, bytes: Buffer): void {
    const { client, server } = pair
    pair.request = bytes
    switch (this.fault) {
      case 'reset':
        client.resetAndDestroy()
        server.resetAndDestroy()
        return
      case 'end':
        client.end()
        server.end()
        return
      case 'request':
        server.write(bytes.subarray(0, bytes.length >>> 1), () => {
          client.resetAndDestroy()
          server.resetAndDestroy()
        })
        return
      case 'half-close':
        client.end()
        this.#forward(server, bytes)
        return
      default:
        this.#forward(server, bytes)
    }
  }

  #fromServer({ client, server, request }: Pair, bytes: Buffer): void {
    if (this.fault === 'reply' && (this.replyTo === '' || request?.includes(this.replyTo))) {
      client.resetAndDestroy()
      server.end()
      for (const tell of this.#whenCut.splice(0)) tell()
    } else this.#forward(client, bytes)
  }

  /** When all that was sent to `socket` has arrived, as an end travels behind the data. */
  #after(socket: Socket, act: () => void): void {
    const { fault } = this
    const before = this.#queues.get(socket) ?? Promise.resolve()
    this.#queues.set(socket, before.then(() => (fault === 'black hole' ? this.#released : undefined)).then(act))
  }

  /** In order, also where some bytes are late and those after them are not. */
  #forward(to: Socket, bytes: Buffer): void {
    const { fault } = this
    const before = this.#queues.get(to) ?? Promise.resolve()
    this.#queues.set(
      to,
      before.then(() => this.#deliver(to, bytes, fault)),
    )
  }

  async #deliver(to: Socket, bytes: Buffer, fault: NetworkFault): Promise<void> {
    if (fault === 'black hole') await this.#released
    if (fault === 'delay') await sleep(100)
    if (fault !== 'throttle') return write(to, bytes)
    for (let at = 0; at < bytes.length; at += STEP) {
      write(to, bytes.subarray(at, at + STEP))
      await sleep(5)
    }
  }
}

const STEP = 16 * 1024

function write(socket: Socket, bytes: Buffer): void {
  if (socket.writable) socket.write(bytes)
}
