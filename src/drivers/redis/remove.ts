import { columnOf, type Row, type Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { fieldOf } from '../../support/field.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { type KeyReader, keyReader, type RedisKey } from './key.ts'
import { OLDER } from './lua.ts'
import type { Recipe } from './mapping.ts'
import { orderable } from './newest.ts'
import { Script } from './script.ts'
import { bulks } from './writer.ts'

/** ARGV: the field of the version, the version. Answers 0 when the row stays, as it is newer. */
const REMOVE = new Script(`${OLDER}local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and older(ARGV[2], stored) then return 0 end
redis.call('DEL', KEYS[1])
return 1`)

/** Deletes the keys that rows are kept under. @throws {OptionError} where a key is made of columns that deletions do not have */
export function removing(table: Table, key: RedisKey<never> | undefined): Recipe {
  const keyOf = removedKeyReader(table, key)
  const { newer } = table
  if (newer === undefined) {
    return {
      write: (out, row) => {
        out.command('del', 1)
        out.key(keyOf(row))
      },
    }
  }
  const field = bulks(columnOf(table, newer))
  return {
    preamble: REMOVE.load,
    newer: true,
    write: (out, row) => {
      REMOVE.call(out, keyOf(row), 2)
      out.constant(field)
      out.argument(orderable(fieldOf(row, newer)))
    },
  }
}

function removedKeyReader(table: Table, key: RedisKey<never> | undefined): KeyReader {
  const known = table.deletes ?? []
  const reader = keyReader(table, key)
  if (typeof key === 'function') return (row) => reader(new Proxy(row, { get: (of, name) => read(of, name) }))
  const stranger = [key ?? []].flat().find((column) => !known.includes(column))
  if (stranger === undefined) return reader
  throw new OptionError(
    `table ${JSON.stringify(table.name)}: deletions have no column ${JSON.stringify(stranger)}, which the key is made of`,
  )
}

/** A function must not make a key of what is not there: another row might have it. */
function read(row: Row, name: string | symbol): unknown {
  if (typeof name === 'symbol' || Object.hasOwn(row, name)) return Reflect.get(row, name)
  throw new EncodeError('the key of a deletion is made of its conflict keys alone')
}
