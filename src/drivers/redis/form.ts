import type { Recipe } from './mapping.ts'
import type { Pipeline } from './pipeline.ts'

/** How the rows of one table and list of columns become commands, and how much room they took. */
export class Form {
  readonly recipe: Recipe
  /** Bytes of a row on average, the last time. */
  #rowSize = 0

  constructor(recipe: Recipe) {
    this.recipe = recipe
  }

  /** Bytes to expect. */
  sizeOf(rows: number): number {
    return Math.ceil(rows * this.#rowSize * 1.1)
  }

  learn({ byteLength }: Pipeline, rows: number): void {
    this.#rowSize = byteLength / rows
  }
}
