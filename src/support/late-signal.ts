/** An `AbortController` that is made when somebody asks for its signal: to make one takes a third of what a small batch does. */
export class LateSignal {
  #controller: AbortController | undefined
  #reason: unknown
  #aborted = false

  get aborted(): boolean {
    return this.#aborted
  }

  /** What it was aborted with. */
  get reason(): unknown {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
