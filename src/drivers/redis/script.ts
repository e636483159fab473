import { createHash } from 'node:crypto'
import type { Pipeline, Preamble } from './pipeline.ts'
import { bulks, type Constant } from './writer.ts'

/** A Lua script over one key, called by its digest. */
export class Script {
  /** The command that makes a server know it; sent ahead of every pipeline, so that no flush or failover can hide it. */
  readonly load: Preamble
  readonly #call: Constant

  constructor(text: string) {
    this.load = { name: 'script', bytes: Buffer.from(`*3\r\n${bulks('SCRIPT', 'LOAD', text).text}`) }
    this.#call = bulks(createHash('sha1').update(text).digest('hex'), '1')
  }

  /** Opens a call for `count` arguments, to be written next. */
  call(out: Pipeline, key: string | Uint8Array, count: number): void {
    out.command('evalsha', 3 + count)
    out.constant(this.#call)
    out.key(key)
  }
}
