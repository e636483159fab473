import { createHash } from 'node:crypto'
import type { Pipeline, Preamble } from './pipeline.ts'
import { bulks, RespWriter } from './writer.ts'

/** A Lua script over one key, called by its digest. */
export class Script {
  /** The command that makes a server know it; sent ahead of every pipeline, so that no flush or failover can hide it. */
  readonly load: Preamble
  readonly #call: Buffer

  constructor(text: string) {
    const head = new RespWriter(16)
    head.array(3)
    const bytes = Buffer.concat([head.bytes.subarray(0, head.position), bulks('SCRIPT', 'LOAD', text)])
    this.load = { name: 'script', bytes }
    this.#call = bulks(createHash('sha1').update(text).digest('hex'), '1')
  }

  /** Opens a call for `count` arguments, to be written next. */
  call(out: Pipeline, key: string | Uint8Array, count: number): void {
    out.command('evalsha', 3 + count)
    out.constant(this.#call)
    out.key(key)
  }
}
