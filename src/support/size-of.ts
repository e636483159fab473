import { fieldOf } from './field.ts'

/** Bytes V8 takes for an object, for a place in one, and for a text beside its characters. */
const OBJECT = 24
const PLACE = 8
const TEXT = 16
/** How many members of an array or object are looked at, by its depth in the row; the others are taken to be like them. */
const LOOKED_AT = [16, 8, 4, 1]

/**
 * About how many bytes of memory `columns` of `row` take. Cheap rather than exact: of large arrays and objects only some
 * members are looked at. What cannot be read takes none.
 */
export function sizeOf(row: object, columns: readonly string[]): number {
  let bytes = OBJECT
  try {
    for (let i = 0; i < columns.length; i++) {
      const value = fieldOf(row, columns[i]!)
      bytes += typeof value === 'number' ? PLACE : PLACE + valueSize(value, 0)
    }
  } catch {}
  return bytes
}

/** Beside its place. */
function valueSize(value: unknown, depth: number): number {
  if (typeof value === 'string') return TEXT + value.length * widthOf(value)
  if (typeof value !== 'object' || value === null) return 0
  if (value instanceof Date) return OBJECT
  if (ArrayBuffer.isView(value)) return OBJECT + value.byteLength
  if (depth === LOOKED_AT.length) return OBJECT
  return OBJECT + (Array.isArray(value) ? elementsSize(value, depth) : fieldsSize(value, depth))
}

/** V8 takes two bytes for each character once one of them is beyond Latin-1; some are looked at. */
function widthOf(text: string): 1 | 2 {
  const { length } = text
  if (text.charCodeAt(0) > 255 || text.charCodeAt(length >>> 1) > 255 || text.charCodeAt(length - 1) > 255) return 2
  return 1
}

function elementsSize(elements: readonly unknown[], depth: number): number {
  const { length } = elements
  const step = stepOf(length, depth)
  let bytes = 0
  let looked = 0
  for (let i = 0; i < length; i += step) {
    bytes += PLACE + valueSize(elements[i], depth + 1)
    looked++
  }
  return scaled(bytes, looked, length)
}

function fieldsSize(value: object, depth: number): number {
  const keys = Object.keys(value)
  const step = stepOf(keys.length, depth)
  let bytes = 0
  let looked = 0
  for (let i = 0; i < keys.length; i += step) {
    const key = keys[i]!
    bytes += PLACE + key.length + valueSize((value as Record<string, unknown>)[key], depth + 1)
    looked++
  }
  return scaled(bytes, looked, keys.length)
}

function stepOf(length: number, depth: number): number {
  return Math.max(1, Math.ceil(length / LOOKED_AT[depth]!))
}

function scaled(bytes: number, looked: number, all: number): number {
  return looked === all ? bytes : Math.round((bytes / looked) * all)
}
