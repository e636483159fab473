/**
 * The value a row has in a column: a property of its own, or one that its class declares. What every object inherits is no
 * value: a row without a column `constructor` has none.
 */
export function fieldOf(row: object, column: string): unknown {
  const value = (row as Record<string, unknown>)[column]
  return typeof value !== 'function' && column !== '__proto__' ? value : fieldInDoubt(row, column, value)
}

function fieldInDoubt(row: object, column: string, value: unknown): unknown {
  if (Object.hasOwn(row, column)) return value
  const isOfEveryObject = column === '__proto__' || column === 'constructor' || value === Reflect.get(BIRTH, column)
  return isOfEveryObject ? undefined : value
}

const BIRTH = Object.prototype

/** Gives `row` a property of its own, whatever it is called: assigning to `__proto__` would do something else. */
export function setField(row: object, column: string, value: unknown): void {
  if (column !== '__proto__') (row as Record<string, unknown>)[column] = value
  else Object.defineProperty(row, column, { value, enumerable: true, configurable: true, writable: true })
}
