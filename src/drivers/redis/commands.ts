import { isUint8Array } from 'node:util/types'
import type { Row } from '../../contract/table.ts'
import { fieldOf } from '../../support/field.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { keyPositions } from './key-positions.ts'
import { type CommandFunction, type Compile, Mapping, type RedisCommand } from './mapping.ts'
import { PING, type Pipeline } from './pipeline.ts'

/**
 * Every row is a command: its columns are, in this order, the command's name and its arguments
 * (`columns: ['cmd', 'key', 'value']`). NULL is left out, an array stands for as many arguments. On a conflict happens
 * what the command does.
 */
export function args<R extends Row>(): Mapping<R> {
  return new Mapping((_, columns) => ({
    preamble: PING,
    write: (out, row) => writeCommand(out, partsOf(row, columns), true),
  }))
}

function partsOf(row: Row, columns: readonly string[]): unknown[] {
  const parts: unknown[] = []
  for (const column of columns) {
    const value = fieldOf(row, column)
    if (Array.isArray(value)) parts.push(...value)
    else if (value !== null && value !== undefined) parts.push(value)
  }
  return parts
}

/** The user's own function as a mapping. */
export function commandsBy(own: CommandFunction): Mapping {
  const compile: Compile = (table) => ({
    preamble: PING,
    write: (out, row) => writeCommands(out, own(row as never, table)),
  })
  return new Mapping(compile, compile)
}

function writeCommands(out: Pipeline, result: RedisCommand | readonly RedisCommand[]): void {
  if (!Array.isArray(result)) throw new EncodeError('a command must be an array')
  const all = isList(result) ? result : [result]
  if (!all.every(Array.isArray)) throw new EncodeError('a command must be an array')
  if (all.length > 1) out.multi()
  for (const command of all) writeCommand(out, command, all.length === 1)
  if (all.length > 1) out.exec()
}

function isList(result: RedisCommand | readonly RedisCommand[]): result is readonly RedisCommand[] {
  return result.length === 0 || Array.isArray(result[0])
}

/** Commands that change the connection, wait, or are answered by more or less than one reply. */
const REFUSED = new Set(
  (
    'asking auth blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin client discard exec hello monitor multi ' +
    'psubscribe psync punsubscribe quit readonly readwrite replconf reset select ssubscribe subscribe sunsubscribe sync ' +
    'unsubscribe unwatch wait waitaof watch xread xreadgroup'
  ).split(' '),
)
const WORD = /^[a-z][\w.-]{0,63}$/

function writeCommand(out: Pipeline, [first, ...values]: readonly unknown[], isAlone: boolean): void {
  const name = typeof first === 'string' ? first.toLowerCase() : ''
  if (!WORD.test(name)) throw new EncodeError('a command must begin with its name')
  if (REFUSED.has(name)) throw new EncodeError(`${name.toUpperCase()} cannot be part of a batch`)
  if (name === 'set' && values.length === 2 && isAlone) {
    out.pair(keyOf(values[0]), values[1])
    return
  }
  out.command(name, values.length)
  const keys = keyPositions(name)(values)
  values.forEach((value, i) => {
    if (keys.includes(i)) out.key(keyOf(value))
    else out.argument(value)
  })
}

function keyOf(value: unknown): string | Uint8Array {
  if (isUint8Array(value)) return value
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw new EncodeError('a key must be a string, a number or a Uint8Array')
}
