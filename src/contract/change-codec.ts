import { decode, encodeFields } from '../support/value-codec.ts'
import { deletion, isDeletion } from './deletion.ts'
import type { Row } from './row.ts'

/** In place of a row, `{"$delete":{"id":1}}` is the deletion of one. The only property of a row that is called so gets one `$` more. */
const MARK = '$delete'

type Fields = readonly (readonly [property: string, part: unknown])[]

/** `row` as JSON can write it. @param fields its properties, encoded already */
export function encodeChange(row: Row, fields: Fields): object {
  const encoded = encodeFields(fields)
  return isDeletion(row) ? { [MARK]: encoded } : encoded
}

/** The row, or the deletion, that was encoded; `undefined` where it was neither. @throws {TypeError} for a value that was not encoded here */
export function decodeChange(encoded: unknown): Row | undefined {
  const key = deletedIn(encoded)
  const decoded = decode(key ?? encoded)
  if (!isPlain(decoded)) return undefined
  return key === undefined ? decoded : deletion(decoded)
}

function deletedIn(encoded: unknown): unknown {
  if (!isPlain(encoded)) return undefined
  const [mark, ...more] = Object.keys(encoded)
  return mark === MARK && more.length === 0 ? Reflect.get(encoded, MARK) : undefined
}

function isPlain(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
