import { isUint8Array } from 'node:util/types'
import type { ColumnOf, Row, Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { fieldOf } from '../../support/field.ts'
import { type Check, refuse, show } from '../../support/validate.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { bytesOf } from '../kit/values.ts'
import { textOf } from './encode.ts'

/**
 * Where a row is kept: under `<table>:<value>` of a column, under `<table>:<value>:<value>` of several (with `%` and `:`
 * in the values as `%25` and `%3A`, so that different rows have different keys), or under what a function returns.
 */
export type RedisKey<R extends Row> = ColumnOf<R> | readonly ColumnOf<R>[] | ((row: R) => string | Uint8Array)

export type KeyReader = (row: Row) => string | Uint8Array

/** What a key may be; whether it is among the columns is known with the table. */
export const redisKey: Check<RedisKey<never>> = (option, value) =>
  typeof value === 'string' || typeof value === 'function' || (Array.isArray(value) && value.length > 0)
    ? (value as RedisKey<never>)
    : refuse(option, 'a column, an array of columns or a function', value)

/** @throws {OptionError} when `key` names no column of the table */
export function keyReader(table: Table, key: RedisKey<never> | undefined): KeyReader {
  if (typeof key === 'function') return ownKey(key)
  const columns: readonly string[] = key === undefined ? table.keys : typeof key === 'string' ? [key] : key
  if (columns.length === 0) {
    throw new OptionError(`table ${JSON.stringify(table.name)} has no conflict keys: give its mapping the option key`)
  }
  const stranger = columns.find((column) => !table.columns.includes(column))
  if (stranger !== undefined) {
    throw new OptionError(
      `table ${JSON.stringify(table.name)}: key must be among columns or a function, received ${show(stranger)}`,
    )
  }
  const [first, ...others] = columns
  const prefix = `${table.name}:`
  return others.length === 0 ? (row) => single(prefix, fieldOf(row, first!)) : (row) => several(prefix, row, columns)
}

function ownKey(key: (row: never) => string | Uint8Array): KeyReader {
  return (row) => {
    const value: unknown = key(row as never)
    if (typeof value === 'string' || isUint8Array(value)) return value
    throw new EncodeError('the key must be a string or a Uint8Array')
  }
}

function single(prefix: string, value: unknown): string | Uint8Array {
  if (typeof value === 'string') return prefix + value
  return isUint8Array(value) ? Buffer.concat([Buffer.from(prefix), value]) : prefix + keyText(value)
}

function several(prefix: string, row: Row, columns: readonly string[]): string | Uint8Array {
  let key = prefix
  for (let i = 0; i < columns.length; i++) {
    const value = fieldOf(row, columns[i]!)
    if (isUint8Array(value)) return severalBytes(prefix, row, columns)
    if (i > 0) key += ':'
    key += escaped(keyText(value))
  }
  return key
}

/** The same in bytes. Latin-1 has a character for every byte, so that they can be escaped like a text. */
function severalBytes(prefix: string, row: Row, columns: readonly string[]): Uint8Array {
  const parts = columns.map((column) => {
    const value = fieldOf(row, column)
    return escaped((isUint8Array(value) ? bytesOf(value) : Buffer.from(keyText(value))).toString('latin1'))
  })
  return Buffer.concat([Buffer.from(prefix), Buffer.from(parts.join(':'), 'latin1')])
}

function escaped(part: string): string {
  return part.replaceAll('%', '%25').replaceAll(':', '%3A')
}

function keyText(value: unknown): string {
  if (value === null || value === undefined) throw new EncodeError('a part of the key is NULL')
  return textOf(value)
}
