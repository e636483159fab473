import type { Row } from '../../contract/table.ts'
import { type Check, refuse } from '../../support/validate.ts'
import { EncodeError } from '../kit/encode-error.ts'

/** Time to live in ms, at least 1: of every row, or of each; `undefined` keeps the row for ever. */
export type Ttl<R extends Row> = number | ((row: R) => number | undefined)

/** Milliseconds, 0 = for ever. */
export type TtlReader = (row: Row) => number

export const ttlReader: Check<TtlReader> = (option, value) => {
  if (typeof value === 'function') return (row) => ofRow(value(row))
  if (isTtl(value)) return () => value
  return refuse(option, 'an integer of at least 1 (ms) or a function', value)
}

export const FOR_EVER: TtlReader = () => 0

function ofRow(ttl: number | undefined): number {
  if (ttl === undefined) return 0
  if (isTtl(ttl)) return ttl
  throw new EncodeError('the time to live must be an integer of at least 1 (ms)')
}

function isTtl(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}
