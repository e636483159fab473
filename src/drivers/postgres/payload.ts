import type { Preparation } from './messages.ts'
import type { Writer, WriterPool } from './writer.ts'

/** A batch as bytes, ready to be sent any number of times until it is released. */
export class Payload {
  readonly name: 'COPY' | 'INSERT' | 'DELETE'
  readonly text: string
  /** What the connection must have prepared. */
  readonly preparations: readonly Preparation[]
  readonly byteLength: number
  readonly #writer: Writer
  readonly #pool: WriterPool
  /** The owner's hold, and one for each write the socket has not finished. */
  #holds = 1

  constructor(
    name: 'COPY' | 'INSERT' | 'DELETE',
    text: string,
    preparations: readonly Preparation[],
    writer: Writer,
    pool: WriterPool,
  ) {
    this.name = name
    this.text = text
    this.preparations = preparations
    this.byteLength = writer.position
    this.#writer = writer
    this.#pool = pool
  }

  /** The messages, and the promise to call `drop` when the socket is done with them. */
  hold(): Uint8Array {
    this.#holds++
    return this.#writer.bytes.subarray(0, this.#writer.position)
  }

  /** The buffer serves another batch only when nobody can read it any more. */
  drop(): void {
    if (--this.#holds === 0) this.#pool.give(this.#writer)
  }
}
