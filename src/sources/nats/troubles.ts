/** Several things may be in trouble at once; it is over when all of them are well. */
export class Troubles {
  readonly #tell: (error: Error | undefined) => void
  readonly #errors = new Map<string, Error>()
  #isOver = false

  constructor(tell: (error: Error | undefined) => void) {
    this.#tell = tell
  }

  told(what: string, error: Error | undefined): void {
    if (this.#isOver) return
    if (error !== undefined) {
      this.#errors.set(what, error)
      this.#tell(error)
    } else if (this.#errors.delete(what) && this.#errors.size === 0) this.#tell(undefined)
  }

  close(): void {
    this.#isOver = true
  }
}
