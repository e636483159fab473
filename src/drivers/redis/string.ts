import { type ColumnOf, columnOf, type Row, type Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { fieldOf } from '../../support/field.ts'
import { type Check, type Option, optional, parse, refuse, required, show } from '../../support/validate.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { jsonText, partOf } from './encode.ts'
import { keyReader, type RedisKey, redisKey } from './key.ts'
import { allow, type Compile, Mapping, type Recipe, refuseCombined } from './mapping.ts'
import type { Pipeline } from './pipeline.ts'
import { removing } from './remove.ts'
import { FOR_EVER, type Ttl, ttlReader } from './ttl.ts'
import { bulks } from './writer.ts'

export interface SetOptions<R extends Row> {
  /** The key a row is kept under. @default the table's conflict keys */
  readonly key?: RedisKey<R>
  /** The column to store, or what a function makes of the row. */
  readonly value: ColumnOf<R> | ((row: R) => string | number | bigint | Uint8Array)
  /** How long the key is kept. @default for ever */
  readonly ttl?: Ttl<R>
}

/**
 * A string per row: SET with the time to live in the same command. `update` and `replace` overwrite, `ignore` and `error`
 * write only when there is no such key (NX). A deletion is DEL.
 *
 * @throws {OptionError} for an unknown option, or a `value` or `ttl` that is none
 */
export function set<R extends Row>(options: SetOptions<R>): Mapping<R> {
  const { key, value, ttl } = parse('set()', SET, options)
  const compile: Compile = (table) => {
    refuseCombined('set', table)
    allow('set', table, ['error', 'ignore', 'update', 'replace'])
    return recipe(table, { key: keyReader(table, key), value: valueReader(table, value), ttl })
  }
  return new Mapping(compile, (table) => removing(table, key))
}

export interface JsonOptions<R extends Row> {
  /** The key a row is kept under. @default the table's conflict keys */
  readonly key?: RedisKey<R>
  /** How long the key is kept. @default for ever */
  readonly ttl?: Ttl<R>
}

/**
 * A JSON text per row, its columns by name: SET as with {@link set}. Absent columns stay out, NULL is `null`, bigints
 * become strings and bytes base64. No `update`: a text cannot be merged.
 *
 * @throws {OptionError} for an unknown option, or a `ttl` that is none
 */
export function json<R extends Row>(options: JsonOptions<R> = {}): Mapping<R> {
  const { key, ttl } = parse('json()', JSON_TEXT, options)
  const compile: Compile = (table, columns) => {
    refuseCombined('json', table)
    allow('json', table, ['error', 'ignore', 'replace'])
    return recipe(table, { key: keyReader(table, key), value: (row) => document(table, columns, row), ttl })
  }
  return new Mapping(compile, (table) => removing(table, key))
}

type Value = string | ((row: never) => unknown)

const columnOrFunction: Check<Value> = (option, value) =>
  typeof value === 'function' || typeof value === 'string'
    ? (value as Value)
    : refuse(option, 'a column or a function', value)

const JSON_TEXT = {
  key: optional(redisKey),
  ttl: optional(ttlReader, FOR_EVER),
} satisfies Record<keyof JsonOptions<never>, Option<unknown>>
const SET = { ...JSON_TEXT, value: required(columnOrFunction) } satisfies Record<
  keyof SetOptions<never>,
  Option<unknown>
>

interface Parts {
  readonly key: (row: Row) => string | Uint8Array
  readonly value: (row: Row) => unknown
  readonly ttl: (row: Row) => number
}

const PX = bulks('PX')
const NX = bulks('NX')

function recipe({ action }: Table, { key, value, ttl }: Parts): Recipe {
  const onlyNew = action === 'error' || action === 'ignore'
  if (!onlyNew && ttl === FOR_EVER) return { write: (out, row) => out.pair(key(row), value(row)) }
  const write = (out: Pipeline, row: Row) => {
    const milliseconds = ttl(row)
    out.command('set', 2 + (milliseconds > 0 ? 2 : 0) + (onlyNew ? 1 : 0))
    out.key(key(row))
    out.argument(value(row))
    if (milliseconds > 0) {
      out.constant(PX)
      out.argument(milliseconds)
    }
    if (onlyNew) out.constant(NX)
  }
  return { write, refusable: action === 'error' }
}

function valueReader(table: Table, value: Value): (row: Row) => unknown {
  if (typeof value === 'function') return (row) => present(value(row as never))
  if (table.columns.includes(value)) return (row) => present(fieldOf(row, value))
  throw new OptionError(
    `table ${JSON.stringify(table.name)}: value must be among columns or a function, received ${show(value)}`,
  )
}

function present(value: unknown): unknown {
  if (value === null || value === undefined) throw new EncodeError('the value is NULL')
  return value
}

function document(table: Table, columns: readonly string[], row: Row): string {
  const parts = columns.map((property) => [columnOf(table, property), partOf(fieldOf(row, property))])
  return jsonText(Object.fromEntries(parts))
}
