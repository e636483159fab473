/** The names of all keys of a stream with several partitions. */
export class Keys {
  readonly #stream: string
  readonly #group: string

  constructor(stream: string, group: string) {
    this.#stream = stream
    this.#group = group
  }

  /** `users:3`, a stream of its own: in a cluster partitions are spread over its nodes. */
  partition(partition: string | number): string {
    return `${this.#stream}:${partition}`
  }

  lease(partition: string): string {
    return this.#beside(partition, `lease:${this.#group}`)
  }

  /** Counts the owners a partition had. */
  token(partition: string): string {
    return this.#beside(partition, `token:${this.#group}`)
  }

  publisher(partition: number, id: string): string {
    return this.#beside(partition, `publisher:${id}`)
  }

  get members(): string {
    return `${this.#stream}:members:${this.#group}`
  }

  /** What tells the stream from others of its name. */
  get identity(): string {
    return `${this.#stream}:id`
  }

  get dead(): string {
    return `${this.#stream}:dead`
  }

  /**
   * In the hash slot of the partition's stream: its whole name in braces hashes as the name itself does. Where that has braces
   * of its own, those decide, here as there.
   */
  #beside(partition: string | number, what: string): string {
    const stream = this.partition(partition)
    return /\{[^}]+\}/.test(stream) ? `${stream}:${what}` : `{${stream}}:${what}`
  }
}
