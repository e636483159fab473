/**
 * Positions are numbers in digits. A database may keep `<position>#<n>`: of that message only the first n rows of a table are
 * committed, so that it comes before the position by itself.
 */
export function comparePositions(a: string, b: string): number {
  if (!a.includes('#') && !b.includes('#')) return Number(a) - Number(b)
  const [messageA, rowsA] = partsOf(a)
  const [messageB, rowsB] = partsOf(b)
  return messageA === messageB ? sign(rowsA - rowsB) : messageA - messageB
}

/** The last message that is committed as a whole. */
export function wholeOf(position: string): number {
  const [message, rows] = partsOf(position)
  return rows === Number.POSITIVE_INFINITY ? message : message - 1
}

function partsOf(position: string): readonly [message: number, rows: number] {
  if (position === '') return [0, Number.POSITIVE_INFINITY]
  const [message, rows] = position.split('#')
  return [Number(message), rows === undefined ? Number.POSITIVE_INFINITY : Number(rows)]
}

/** The difference of two infinite ones is no number. */
function sign(difference: number): number {
  return Number.isNaN(difference) ? 0 : difference
}
