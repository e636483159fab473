import type { Row } from '../../contract/table.ts'
import { EncodeError } from '../kit/encode-error.ts'
import type { Fields } from './fields.ts'
import { CALL, OLDER } from './lua.ts'
import type { Pipeline } from './pipeline.ts'
import { Script } from './script.ts'
import { bulks } from './writer.ts'

/**
 * ARGV: time to live in ms or 0; how many arguments belong to fields to set in any case; how many are fields to remove; `1` to
 * start over; the field of the version, `1` if the row has one, the version; fields and values to set, those for a new key
 * only, fields to remove. Answers 0 when the row changed nothing.
 */
export const NEWEST = new Script(`${OLDER}${CALL}local exists = redis.call('EXISTS', KEYS[1]) == 1
if exists then
local stored = redis.call('HGET', KEYS[1], ARGV[5])
if ARGV[6] == '0' or (stored and not older(stored, ARGV[7])) then return 0 end
if ARGV[4] == '1' then redis.call('DEL', KEYS[1]) end
end
local set, removed = 7 + ARGV[2], #ARGV - ARGV[3]
call('HSET', ARGV, 8, exists and set or removed)
if exists then call('HDEL', ARGV, removed + 1, #ARGV) end
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

/** A value that the script can compare. @throws {EncodeError} for what is no text of a number */
export function orderable(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value ?? undefined
  throw new EncodeError('what is compared must be a finite number')
}
