import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Distance } from './line-proxy.ts'

export type { Distance }

/** A line of known length and width between this process and a server, kept by a process of its own. */
export class SlowLine {
  /** The server's, by way of the line. */
  readonly url: string
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.url = url
    this.#process = process
  }

  /** @param url the server's, `postgres://…` */
  static async open(url: string, distance: Distance): Promise<SlowLine> {
    const through = new URL(url)
    const child = fork(new URL('line-proxy.ts', import.meta.url), [through.hostname, through.port || '5432'])
    const [address] = (await once(child, 'message')) as [AddressInfo]
    through.hostname = '127.0.0.1'
    through.port = String(address.port)
    const line = new SlowLine(through.href, child)
    await line.become(distance)
    return line
  }

  async become(distance: Distance): Promise<void> {
    this.#process.send(distance)
    await once(this.#process, 'message')
  }

  async close(): Promise<void> {
    this.#process.disconnect()
    await once(this.#process, 'exit')
  }
}
