import { type Combine, columnOf, type Row, type Table } from '../../contract/table.ts'
import { plainText } from '../../support/decimal.ts'
import { fieldOf } from '../../support/field.ts'
import { addend } from '../kit/values.ts'
import { Fields } from './fields.ts'
import { CALL, OLDER, SUM } from './lua.ts'
import { orderable } from './newest.ts'
import type { Pipeline } from './pipeline.ts'
import { Script } from './script.ts'
import { bulks, type Constant } from './writer.ts'

/**
 * ARGV: time to live in ms or 0; how many arguments belong to fields to set in any case; how many to fields to combine; how many
 * are fields to remove; `0` without versions, `1` where the row has none, `2` where it has one; the field of the version, the version;
 * fields and values to set; how, fields and values to combine; those for a new key only; fields to remove. Answers 0 when the row
 * changed nothing as it is not newer. Everything is worked out before the first write: an error leaves the key as it was.
 */
export const COMBINE = new Script(`${OLDER}${SUM}${CALL}local exists = redis.call('EXISTS', KEYS[1]) == 1
if exists and ARGV[5] ~= '0' then
local stored = redis.call('HGET', KEYS[1], ARGV[6])
if ARGV[5] == '1' or (stored and not older(stored, ARGV[7])) then return 0 end
end
local combined = 8 + ARGV[2]
local others, removed = combined + ARGV[3], #ARGV - ARGV[4]
local changes = {}
for i = combined, others - 1, 3 do
local how, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
local stored = exists and redis.call('HGET', KEYS[1], field)
if stored and how == 'add' then
value = sum(stored, value)
if not value then return redis.error_reply('ERR hash value is not a valid float') end
elseif stored and not older(how == 'max' and stored or value, how == 'max' and value or stored) then value = nil end
if value then changes[#changes + 1] = field; changes[#changes + 1] = value end
end
call('HSET', ARGV, 8, combined - 1)
call('HSET', changes, 1, #changes)
if exists then call('HDEL', ARGV, removed + 1, #ARGV) else call('HSET', ARGV, others, removed) end
if ARGV[1] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`)

/** A column whose values are combined with what is stored. */
interface Combined {
  readonly property: string
  readonly isAdded: boolean
  /** How, and the field. */
  readonly head: Constant
}

/** The property that is the version, if any, and its field. */
interface Version {
  readonly property: string
  readonly field: Constant
}

type Write = (out: Pipeline, row: Row, key: string | Uint8Array, ttl: number) => void

/** Writes rows of a table some of whose columns are combined. */
export function combineWriter(table: Table, columns: readonly string[]): Write {
  const { newer } = table
  const set = new Fields(
    table,
    columns.filter((column) => table.set.includes(column) && !table.combine?.has(column)),
  )
  const others = new Fields(
    table,
    columns.filter((column) => !table.set.includes(column)),
  )
  const combined = columns.flatMap((column) => combinedOf(table, column, table.combine?.get(column)))
  const version = newer === undefined ? undefined : { property: newer, field: bulks(columnOf(table, newer)) }
  return (out, row, key, ttl) => {
    set.read(row)
    others.read(row)
    const present = combined.flatMap((column) => argumentOf(column, row))
    if (set.present + present.length === 0) others.refuseNone()
    COMBINE.call(out, key, 7 + 2 * set.present + 3 * present.length + 2 * others.present + set.absent)
    for (const argument of [ttl, 2 * set.present, 3 * present.length, set.absent]) out.argument(argument)
    writeVersion(out, row, version)
    set.write(out)
    for (const [head, value] of present) {
      out.constant(head)
      out.argument(value)
    }
    others.write(out)
    set.writeAbsent(out)
  }
}

function combinedOf(table: Table, property: string, how: Combine | undefined): Combined[] {
  if (how === undefined) return []
  return [{ property, isAdded: how === 'add', head: bulks(how, columnOf(table, property)) }]
}

/** NULL is nothing. */
function argumentOf({ property, isAdded, head }: Combined, row: Row): [Constant, unknown][] {
  const value = fieldOf(row, property)
  if (value === null || value === undefined) return []
  if (!isAdded) return [[head, orderable(value)]]
  return [[head, typeof addend(value) === 'number' ? plainText(value as number) : value]]
}

function writeVersion(out: Pipeline, row: Row, version: Version | undefined): void {
  const value = version === undefined ? undefined : orderable(fieldOf(row, version.property))
  out.argument(version === undefined ? 0 : value === undefined ? 1 : 2)
  if (version === undefined) out.argument('')
  else out.constant(version.field)
  out.argument(value ?? '')
}
