import type { Row } from '../../contract/table.ts'
import { EncodeError } from '../kit/encode-error.ts'
import type { Fields } from './fields.ts'
import type { Pipeline } from './pipeline.ts'
import { Script } from './script.ts'
import { bulks } from './writer.ts'

/**
 * Numbers are compared as their decimal texts, since those of Lua have 53 bits: by sign, by the place of the first digit, then digit by
 * digit. Other texts are compared byte by byte, as `<` would ask the locale of the server; they are newer than numbers.
 *
 * ARGV: time to live in ms or 0; how many arguments belong to fields to set in any case; how many are fields to remove; `1` to
 * start over; the field of the version, `1` if the row has one, the version; fields and values to set, those for a new key
 * only, fields to remove. Answers 0 when the row changed nothing.
 */
export const NEWEST = new Script(`local function number(text)
local sign, whole, rest = string.match(text, '^(%-?)(%d+)(.*)$')
if not sign then return nil end
local fraction, exponent = '', 0
if string.find(rest, '^%.%d') then fraction, rest = string.match(rest, '^%.(%d+)(.*)$') end
if string.find(rest, '^[eE][+-]?%d+$') then exponent, rest = tonumber(string.sub(rest, 2)), '' end
if rest ~= '' then return nil end
local zeros, digits = string.match(whole .. fraction, '^(0*)(.-)0*$')
if digits == '' then return 0, 0, '' end
return sign == '-' and -1 or 1, #whole - #zeros + exponent, digits
end
local function less(a, b)
for i = 1, math.min(#a, #b) do
local x, y = string.byte(a, i), string.byte(b, i)
if x ~= y then return x < y end
end
return #a < #b
end
local function older(a, b)
local sign, place, digits = number(a)
local other, there, others = number(b)
if not sign or not other then
if sign or other then return sign ~= nil end
return less(a, b)
end
if sign ~= other then return sign < other end
if sign < 0 then place, digits, there, others = there, others, place, digits end
if place ~= there then return place < there end
return less(digits, others)
end
local function call(command, from, to)
for i = from, to, 1000 do redis.call(command, KEYS[1], unpack(ARGV, i, math.min(i + 999, to))) end end
local exists = redis.call('EXISTS', KEYS[1]) == 1
if exists then
local stored = redis.call('HGET', KEYS[1], ARGV[5])
if ARGV[6] == '0' or (stored and not older(stored, ARGV[7])) then return 0 end
if ARGV[4] == '1' then redis.call('DEL', KEYS[1]) end
end
local set, removed = 7 + ARGV[2], #ARGV - ARGV[3]
call('HSET', 8, exists and set or removed)
if exists then call('HDEL', removed + 1, #ARGV) end
if ARGV[1] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`)

/** The row being written, divided by when its columns are. */
export interface Parted {
  /** The property that is the version, and the field it is kept in. */
  readonly newer: string
  readonly field: string
  readonly set: Fields
  /** For a new key only. */
  readonly others: Fields
  readonly startsOver: boolean
}

/** Writes the row unless a newer one is there. */
export type NewestWriter = (out: Pipeline, row: Row, key: string | Uint8Array, ttl: number) => void

export function newestWriter({ newer, field: name, set, others, startsOver }: Parted): NewestWriter {
  const field = bulks(name)
  return (out, row, key, ttl) => {
    set.read(row)
    others.read(row)
    if (set.present === 0) others.refuseNone()
    const version = orderable(set.valueOf(newer))
    const removed = startsOver ? 0 : set.absent
    NEWEST.call(out, key, 7 + 2 * set.present + 2 * others.present + removed)
    for (const argument of [ttl, 2 * set.present, removed, Number(startsOver)]) out.argument(argument)
    out.constant(field)
    out.argument(version === undefined ? 0 : 1)
    out.argument(version ?? '')
    set.write(out)
    others.write(out)
    if (!startsOver) set.writeAbsent(out)
  }
}

function orderable(version: unknown): unknown {
  if (typeof version !== 'number' || Number.isFinite(version)) return version ?? undefined
  throw new EncodeError('a version must be a finite number')
}
