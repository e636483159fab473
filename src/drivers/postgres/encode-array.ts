import type { WriteBinary, Writer } from './writer.ts'

const MAX_DIMENSIONS = 6

/** An array column. `elementOid` is what the elements call themselves on the wire; the server checks it. */
export function writeArrayOf(writeElement: WriteBinary, elementOid: number): WriteBinary {
  return (writer, value) => {
    if (!Array.isArray(value)) return false
    const sizes = dimensionsOf(value)
    if (sizes === undefined) return false
    const length = writer.openLength()
    putArrayHeader(writer, elementOid, sizes)
    if (!putElements(writer, value, sizes.length, writeElement)) return false
    writer.closeLength(length, 0)
    return true
  }
}

export function putArrayHeader(writer: Writer, elementOid: number, sizes: readonly number[]): void {
  writer.int32(sizes.length)
  writer.int32(0) // whether NULLs follow: the server looks for itself
  writer.int32(elementOid)
  for (const size of sizes) {
    writer.int32(size)
    writer.int32(1)
  }
}

/** Sizes of a rectangular array; undefined leaves ragged, half-empty and too deep ones to the server. */
function dimensionsOf(array: readonly unknown[]): number[] | undefined {
  if (array.length === 0) return []
  const sizes: number[] = []
  for (let level: unknown = array; Array.isArray(level); level = level[0]) sizes.push(level.length)
  if (sizes.length > MAX_DIMENSIONS || sizes.includes(0)) return undefined
  return isRectangular(array, sizes, 0) ? sizes : undefined
}

function isRectangular(array: readonly unknown[], sizes: readonly number[], depth: number): boolean {
  if (array.length !== sizes[depth]) return false
  const deepest = depth === sizes.length - 1
  for (let i = 0; i < array.length; i++) {
    const item = array[i]
    if (deepest ? Array.isArray(item) : !Array.isArray(item) || !isRectangular(item, sizes, depth + 1)) return false
  }
  return true
}

function putElements(writer: Writer, array: readonly unknown[], depth: number, writeElement: WriteBinary): boolean {
  for (let i = 0; i < array.length; i++) {
    const item = array[i]
    if (depth > 1) {
      if (!putElements(writer, item as unknown[], depth - 1, writeElement)) return false
    } else if (item === null || item === undefined) {
      writer.int32(-1)
    } else if (!writeElement(writer, item)) {
      return false
    }
  }
  return true
}
