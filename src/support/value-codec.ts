import { isAnyArrayBuffer, isBoxedPrimitive, isDate, isMap, isSet } from 'node:util/types'
import { setField } from './field.ts'

/**
 * Values that JSON does not know are written as an object with a single property, whose name begins with `$`:
 * `{"$bigint":"1"}`. A single property of the row's own that begins so gets one `$` more.
 */
const TAG = '$'

/** Deeper than any document is, and not so deep that a stack overflows. */
const MOST_LEVELS = 500

/** A value that no file can keep: a function, a promise, an object that contains itself. */
export class UnkeptError extends Error {}

/**
 * `value` as JSON can write it; {@link decode} makes of it what it was.
 *
 * @param around the objects it is in
 * @throws {UnkeptError}
 */
export function encode(value: unknown, around: Set<object> = new Set()): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : tagged('number', numberText(value))
    case 'bigint':
      return tagged('bigint', String(value))
    case 'undefined':
      return tagged('undefined', true)
    case 'object':
      return value === null ? null : encodeObject(value, around)
    default:
      throw new UnkeptError(`a ${typeof value}`)
  }
}

function encodeObject(value: object, around: Set<object>): unknown {
  if (isDate(value)) return tagged('date', dateText(value))
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return encodeBytes(value)
  if (isBoxedPrimitive(value)) return encode(value.valueOf(), around)
  if (around.has(value) || around.size === MOST_LEVELS) throw new UnkeptError('an object in itself')
  around.add(value)
  const encoded = encodeParts(value, (part) => encode(part, around))
  around.delete(value)
  return encoded
}

function encodeParts(value: object, inner: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, inner)
  if (isMap(value))
    return tagged(
      'map',
      Array.from(value, (entry) => entry.map(inner)),
    )
  if (isSet(value)) return tagged('set', Array.from(value, inner))
  if ('toJSON' in value && typeof value.toJSON === 'function') return inner(value.toJSON(''))
  if (Object.prototype.toString.call(value) !== '[object Object]') throw new UnkeptError('an object of another kind')
  return encodeFields(Object.entries(value).map(([key, part]) => [key, inner(part)]))
}

/** An object of what is encoded already. */
export function encodeFields(fields: readonly (readonly [key: string, part: unknown])[]): object {
  const mark = fields.length === 1 && fields[0]![0].startsWith(TAG) ? TAG : ''
  const encoded = {}
  for (const [key, part] of fields) setField(encoded, mark + key, part)
  return encoded
}

function tagged(tag: string, part: unknown): object {
  return { [TAG + tag]: part }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function dateText(date: Date): string | null {
  return Number.isNaN(Date.prototype.getTime.call(date)) ? null : Date.prototype.toISOString.call(date)
}

/** By the name of its kind: `Uint8Array`, `Float64Array`, `DataView`, `ArrayBuffer`; `bytes` for a `Buffer`. */
function encodeBytes(value: ArrayBufferView | ArrayBufferLike): object {
  const view = ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value)
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return tagged(Buffer.isBuffer(value) ? 'bytes' : kind.replace('Shared', ''), view.toString('base64'))
}

/** @throws {TypeError} for what {@link encode} has not made */
export function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(decode)
  const [key, ...more] = Object.keys(value)
  if (key === undefined || more.length > 0 || !key.startsWith(TAG)) return decodeFields(value)
  if (key.startsWith(TAG + TAG)) return decodeFields(value, TAG.length)
  return decodeTagged(key.slice(TAG.length), (value as Record<string, unknown>)[key])
}

/** @param extra how many characters more a key has than it had */
function decodeFields(value: object, extra = 0): object {
  const decoded = {}
  for (const [key, part] of Object.entries(value)) setField(decoded, key.slice(extra), decode(part))
  return decoded
}

function decodeTagged(tag: string, part: unknown): unknown {
  const decoder = DECODERS.get(tag)
  if (decoder === undefined) throw new TypeError('there is no such kind of value')
  return decoder(part)
}

const list = (part: unknown) => part as readonly unknown[]

const DECODERS = new Map<string, (part: unknown) => unknown>([
  ['undefined', () => undefined],
  ['number', Number],
  ['bigint', (part) => BigInt(part as string)],
  ['date', (part) => new Date(part === null ? Number.NaN : (part as string))],
  ['bytes', (part) => Buffer.from(part as string, 'base64')],
  ['map', (part) => new Map(list(part).map((entry) => list(entry).map(decode) as [unknown, unknown]))],
  ['set', (part) => new Set(list(part).map(decode))],
  ['ArrayBuffer', memoryOf],
])

type View = new (memory: ArrayBuffer) => ArrayBufferView

const typedArrays = [
  'Int8',
  'Uint8',
  'Uint8Clamped',
  'Int16',
  'Uint16',
  'Int32',
  'Uint32',
  'Float16',
  'Float32',
  'Float64',
]
  .concat('BigInt64', 'BigUint64')
  .map((name) => `${name}Array`)
for (const name of [...typedArrays, 'DataView']) {
  const Kind = (globalThis as unknown as Record<string, View | undefined>)[name] // Node has no Float16Array before 24
  if (Kind !== undefined) DECODERS.set(name, (part) => new Kind(memoryOf(part)))
}

/** Memory of its own, where any kind of number may begin. */
function memoryOf(base64: unknown): ArrayBuffer {
  const memory = Buffer.from(base64 as string, 'base64')
  return new Uint8Array(memory).buffer
}
