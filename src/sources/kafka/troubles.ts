/** Of several parts that can be in trouble, whether any is. */
export class Troubles {
  readonly #told: (error: Error | undefined) => void
  readonly #now = new Set<string>()

  constructor(told: (error: Error | undefined) => void) {
    this.#told = told
  }

  tell(part: string, error: Error | undefined): void {
    if (error === undefined) {
      if (this.#now.delete(part) && this.#now.size === 0) this.#told(undefined)
      return
    }
    this.#now.add(part)
    this.#told(error)
  }
}
