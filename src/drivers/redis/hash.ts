import { columnOf, type Row, type Table } from '../../contract/table.ts'
import { type Option, optional, parse } from '../../support/validate.ts'
import { COMBINE, combineWriter } from './combine.ts'
import { Fields } from './fields.ts'
import { type KeyReader, keyReader, type RedisKey, redisKey } from './key.ts'
import { CALL } from './lua.ts'
import { allow, Mapping, type Recipe } from './mapping.ts'
import { NEWEST, newestWriter } from './newest.ts'
import type { Pipeline } from './pipeline.ts'
import { removing } from './remove.ts'
import { Script } from './script.ts'
import { FOR_EVER, type Ttl, type TtlReader, ttlReader } from './ttl.ts'

export interface HashOptions<R extends Row> {
  /** The key a row is kept under. @default the table's conflict keys */
  readonly key?: RedisKey<R>
  /** How long the key is kept; every write of the row sets it anew. @default for ever, or for `update` what the key has already */
  readonly ttl?: Ttl<R>
}

/**
 * A hash per row, a field per column; NULL is a field that is not there.
 *
 * `update` merges (HSET, and HDEL for NULL), `replace` starts over (DEL, HSET), `ignore` and `error` write only when there
 * is no such key, `update` with `onConflict.set` only those columns when there is, adds to them or takes the greatest or the least,
 * and with `onConflict.newer` changes nothing when a newer row is there (scripts). More than one command for a row: MULTI/EXEC.
 * A deletion is DEL, or with `onConflict.newer` a script.
 *
 * @throws {OptionError} for an unknown option, or a `ttl` that is none
 */
export function hash<R extends Row>(options: HashOptions<R> = {}): Mapping<R> {
  const { key, ttl } = parse('hash()', OPTIONS, options)
  return new Mapping(
    (table, columns) => compile(table, columns, keyReader(table, key), ttl),
    (table) => removing(table, key),
  )
}

const OPTIONS = {
  key: optional(redisKey),
  ttl: optional(ttlReader, FOR_EVER),
} satisfies Record<keyof HashOptions<never>, Option<unknown>>

const PORTIONS = `${CALL}local function expire() if ARGV[1] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end end
local exists = redis.call('EXISTS', KEYS[1]) == 1
`
/** ARGV: time to live in ms or 0; fields and values. */
const INSERT = new Script(`${PORTIONS}if exists then return 0 end
call('HSET', ARGV, 2, #ARGV)
expire()
return 1`)
/**
 * ARGV: time to live; how many arguments belong to fields to set in any case; how many are fields to remove; the former,
 * the fields and values for a new key only, the latter.
 */
const UPSERT = new Script(`${PORTIONS}local set, removed = 3 + ARGV[2], #ARGV - ARGV[3]
call('HSET', ARGV, 4, exists and set or removed)
if exists then call('HDEL', ARGV, removed + 1, #ARGV) end
expire()
return 1`)

function compile(table: Table, columns: readonly string[], key: KeyReader, ttl: TtlReader): Recipe {
  allow('hash', table, ['error', 'ignore', 'update', 'replace'])
  if (table.combine !== undefined) return combining(table, columns, key, ttl)
  if (table.newer !== undefined) return onlyNewer(table, table.newer, columns, key, ttl)
  if (table.action === 'update' && table.set.length + table.keys.length < table.columns.length) {
    const set = new Fields(
      table,
      columns.filter((column) => table.set.includes(column)),
    )
    const others = new Fields(
      table,
      columns.filter((column) => !table.set.includes(column)),
    )
    const write = (out: Pipeline, row: Row) => upsert(out, set.read(row), others.read(row), key(row), ttl(row))
    return { write, preamble: UPSERT.load }
  }
  const fields = new Fields(table, columns)
  if (table.action === 'update') return { write: (out, row) => update(out, fields.read(row), key(row), ttl(row)) }
  if (table.action === 'replace') return { write: (out, row) => replace(out, fields.read(row), key(row), ttl(row)) }
  const write = (out: Pipeline, row: Row) => insert(out, fields.read(row), key(row), ttl(row))
  return { write, preamble: INSERT.load, refusable: table.action === 'error' }
}

function onlyNewer(table: Table, newer: string, columns: readonly string[], key: KeyReader, ttl: TtlReader): Recipe {
  const startsOver = table.action === 'replace'
  const isSet = (column: string) => startsOver || table.set.includes(column)
  const write = newestWriter({
    newer,
    field: columnOf(table, newer),
    set: new Fields(table, columns.filter(isSet)),
    others: new Fields(
      table,
      columns.filter((column) => !isSet(column)),
    ),
    startsOver,
  })
  return { write: (out, row) => write(out, row, key(row), ttl(row)), preamble: NEWEST.load, newer: true }
}

function combining(table: Table, columns: readonly string[], key: KeyReader, ttl: TtlReader): Recipe {
  const write = combineWriter(table, columns)
  return {
    write: (out, row) => write(out, row, key(row), ttl(row)),
    preamble: COMBINE.load,
    newer: table.newer !== undefined,
  }
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
  INSERT.call(out, key, 1 + 2 * fields.present)
  out.argument(ttl)
  fields.write(out)
}

function upsert(out: Pipeline, set: Fields, others: Fields, key: Key, ttl: number): void {
  if (set.present === 0) others.refuseNone()
  UPSERT.call(out, key, 3 + 2 * set.present + 2 * others.present + set.absent)
  out.argument(ttl)
  out.argument(2 * set.present)
  out.argument(set.absent)
  set.write(out)
  others.write(out)
  set.writeAbsent(out)
}

function expire(out: Pipeline, key: Key, ttl: number): void {
  out.command('pexpire', 2)
  out.key(key)
  out.argument(ttl)
}
