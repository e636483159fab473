import { createHash } from 'node:crypto'
import { OptionError } from '../../errors.ts'
import { knownKeys } from '../../options.ts'
import type { Row, Table } from '../../table.ts'
import { type KeyReader, keyReader, type RedisKey } from './key.ts'
import { allow, fieldOf, Mapping, type Recipe } from './mapping.ts'
import type { Pipeline } from './pipeline.ts'
import { bulks, EncodeError, RespWriter } from './resp-writer.ts'
import { type Ttl, type TtlReader, ttlReader } from './ttl.ts'

export interface HashOptions<R extends Row> {
  /** @default the table's conflict keys */
  readonly key?: RedisKey<R>
  /** Every write of the row sets it anew. @default for ever, or for `update` what the key has already */
  readonly ttl?: Ttl<R>
}

/**
 * A hash per row, a field per column; NULL is a field that is not there.
 *
 * `update` merges (HSET, and HDEL for NULL), `replace` starts over (DEL, HSET), `ignore` and `error` write only when there
 * is no such key (a script). More than one command for a row: MULTI/EXEC.
 *
 * @throws {OptionError} for an unknown option, or a `ttl` that is none
 */
export function hash<R extends Row>(options: HashOptions<R> = {}): Mapping<R> {
  knownKeys('hash()', options, ['key', 'ttl'])
  const ttl = ttlReader(options.ttl)
  return new Mapping((table, columns) => compile(table, columns, keyReader(table, options.key), ttl))
}

/** ARGV[1]: time to live in ms or 0; then fields and values, in portions that fit Lua's stack. */
const INSERT = `if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for i = 2, #ARGV, 1000 do redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
if ARGV[1] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`
const INSERT_SHA = bulks(createHash('sha1').update(INSERT).digest('hex'), '1')
const LOAD_INSERT = loadScript(INSERT)

function compile(table: Table, columns: readonly string[], key: KeyReader, ttl: TtlReader): Recipe {
  allow('hash', table, ['error', 'ignore', 'update', 'replace'])
  if (table.action === 'update' && table.set.length + table.keys.length < table.columns.length) {
    throw new OptionError(
      `table ${JSON.stringify(table.name)}: hash() has no conflict action update with onConflict.set, only with all columns`,
    )
  }
  const fields = new Fields(columns)
  if (table.action === 'update') return { write: (out, row) => update(out, fields.read(row), key(row), ttl(row)) }
  if (table.action === 'replace') return { write: (out, row) => replace(out, fields.read(row), key(row), ttl(row)) }
  const write = (out: Pipeline, row: Row) => insert(out, fields.read(row), key(row), ttl(row))
  return { write, preamble: LOAD_INSERT, refusable: table.action === 'error' }
}

type Key = string | Uint8Array

function update(out: Pipeline, fields: Fields, key: Key, ttl: number): void {
  const commands = Number(fields.present > 0) + Number(fields.absent > 0) + Number(ttl > 0)
  if (commands > 1) out.multi()
  if (fields.present > 0) fields.set(out, key)
  if (fields.absent > 0) fields.remove(out, key)
  if (ttl > 0) expire(out, key, ttl)
  if (commands > 1) out.exec()
}

function replace(out: Pipeline, fields: Fields, key: Key, ttl: number): void {
  fields.refuseNone()
  out.multi()
  out.command('del', 1)
  out.key(key)
  fields.set(out, key)
  if (ttl > 0) expire(out, key, ttl)
  out.exec()
}

function insert(out: Pipeline, fields: Fields, key: Key, ttl: number): void {
  fields.refuseNone()
  out.command('evalsha', 4 + 2 * fields.present)
  out.constant(INSERT_SHA)
  out.key(key)
  out.argument(ttl)
  fields.write(out)
}

function expire(out: Pipeline, key: Key, ttl: number): void {
  out.command('pexpire', 2)
  out.key(key)
  out.argument(ttl)
}

function loadScript(script: string): Buffer {
  const head = new RespWriter(64)
  head.array(3)
  return Buffer.concat([head.bytes.subarray(0, head.position), bulks('SCRIPT', 'LOAD', script)])
}

/** The fields of the row being written, each value read once. */
class Fields {
  /** How many have a value, and how many are NULL. */
  present = 0
  absent = 0
  readonly #columns: readonly string[]
  readonly #names: readonly Buffer[]
  readonly #values: unknown[]

  constructor(columns: readonly string[]) {
    this.#columns = columns
    this.#names = columns.map((column) => bulks(column))
    this.#values = columns.map(() => undefined)
  }

  read(row: Row): this {
    this.present = 0
    for (let i = 0; i < this.#columns.length; i++) {
      const value = fieldOf(row, this.#columns[i]!)
      this.#values[i] = value
      if (value !== null && value !== undefined) this.present++
    }
    this.absent = this.#columns.length - this.present
    return this
  }

  refuseNone(): void {
    if (this.present === 0) throw new EncodeError('every column is NULL, and Redis keeps no empty hash')
  }

  set(out: Pipeline, key: Key): void {
    out.command('hset', 1 + 2 * this.present)
    out.key(key)
    this.write(out)
  }

  write(out: Pipeline): void {
    for (let i = 0; i < this.#names.length; i++) {
      const value = this.#values[i]
      if (value === null || value === undefined) continue
      out.constant(this.#names[i]!)
      out.argument(value)
    }
  }

  remove(out: Pipeline, key: Key): void {
    out.command('hdel', 1 + this.absent)
    out.key(key)
    this.#names.forEach((name, i) => {
      if (this.#values[i] === null || this.#values[i] === undefined) out.constant(name)
    })
  }
}
