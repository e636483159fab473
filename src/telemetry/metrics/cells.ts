import type { Attributes } from '@opentelemetry/api'

/** The cell of these attributes, made when they are first seen. */
export function cellOf<Cell>(cells: Map<string, Cell>, attributes: Attributes, create: () => Cell): Cell {
  const key = JSON.stringify(Object.values(attributes))
  const known = cells.get(key)
  if (known !== undefined) return known
  const cell = create()
  cells.set(key, cell)
  return cell
}
