import type { ReadOptions } from './entry.ts'

/** Standard input, of which the beginning can be looked at before it is read. */
export class Pipe {
  readonly #stream: NodeJS.ReadStream
  readonly #iterator: AsyncIterator<Buffer>
  readonly #kept: Buffer[] = []

  constructor(stream: NodeJS.ReadStream) {
    this.#stream = stream
    this.#iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  async *chunks({ signal, peek = false }: ReadOptions): AsyncGenerator<Buffer> {
    const stop = () => this.#stream.destroy()
    signal?.addEventListener('abort', stop)
    try {
      for (let i = 0; ; ) {
        const kept = peek ? this.#kept[i++] : this.#kept.shift()
        const chunk = kept ?? (await this.#next(peek))
        if (chunk === undefined) return
        yield chunk
      }
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async #next(keep: boolean): Promise<Buffer | undefined> {
    const { done, value } = await this.#iterator.next()
    if (done === true) return undefined
    if (keep) this.#kept.push(value)
    return value
  }
}
