/** Stands for every label past the cap. */
export const OTHER = '_other'

/**
 * Lets the first `limit` distinct labels through and calls all later ones `_other`. The SDK keeps at most 2,000 attribute
 * sets per instrument and folds the rest into one series without any attribute, which would spoil every sum by table.
 */
export class LabelCap {
  readonly #limit: number
  readonly #seen = new Set<string>()

  constructor(limit: number) {
    this.#limit = limit
  }

  admit(label: string): string {
    if (this.#seen.has(label)) return label
    if (this.#seen.size >= this.#limit) return OTHER
    this.#seen.add(label)
    return label
  }
}
