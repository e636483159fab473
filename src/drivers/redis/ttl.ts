import { OptionError } from '../../contract/errors.ts'
import type { Row } from '../../contract/table.ts'
import { show } from '../../support/options.ts'
import { EncodeError } from './resp-writer.ts'

/** Time to live in ms, at least 1: of every row, or of each; `undefined` keeps the row for ever. */
export type Ttl<R extends Row> = number | ((row: R) => number | undefined)

/** Milliseconds, 0 = for ever. */
export type TtlReader = (row: Row) => number

/** @throws {OptionError} for a number that is no time to live */
export function ttlReader(ttl: Ttl<never> | undefined): TtlReader {
  if (ttl === undefined) return () => 0
  if (typeof ttl === 'function') return (row) => ofRow(ttl(row as never))
  if (isTtl(ttl)) return () => ttl
  throw new OptionError(`ttl must be an integer of at least 1 (ms) or a function, received ${show(ttl)}`)
}

function ofRow(ttl: number | undefined): number {
  if (ttl === undefined) return 0
  if (isTtl(ttl)) return ttl
  throw new EncodeError('the time to live must be an integer of at least 1 (ms)')
}

function isTtl(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
