import type { DecodedRow } from '../../../src/consume/message-format.ts'
import type {
  DeadLetterReason,
  Message,
  PartitionLag,
  Source,
  SourceHost,
  SourceMode,
} from '../../../src/consume/source.ts'

export interface Letter {
  readonly partition: string
  readonly position: string
  readonly why: DeadLetterReason
}

/** A log that outlives its readers. */
export class MemoryLog {
  readonly #partitions = new Map<string, Message[]>()
  /** How many messages of each partition are acknowledged, all from the beginning. */
  readonly acknowledged = new Map<string, number>()
  readonly letters: Letter[] = []
  readonly #listeners = new Set<() => void>()

  of(partition: string): Message[] {
    let messages = this.#partitions.get(partition)
    if (messages === undefined) this.#partitions.set(partition, (messages = []))
    return messages
  }

  /** A message of these rows; a text is a body that cannot be read. */
  append(partition: string, rows: readonly DecodedRow[] | string, headers: Record<string, string> = {}): Message {
    const messages = this.of(partition)
    const body = typeof rows === 'string' ? rows : JSON.stringify(rows)
    const message = { position: String(messages.length + 1), body, headers }
    messages.push(message)
    this.wake()
    return message
  }

  wake(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Resolves with the next message, or when the log is woken. */
  more(): Promise<void> {
    return new Promise((resolve) => {
      const listener = () => {
        this.#listeners.delete(listener)
        resolve()
      }
      this.#listeners.add(listener)
    })
  }
}

/** Reads what {@link MemoryLog} wrote. */
export function decodeRows({ body }: Message): DecodedRow[] {
  return JSON.parse(String(body)) as DecodedRow[]
}

interface Reader {
  at: number
  ended: boolean
  /** What was handed over before, so that it comes again. */
  readonly seen: number
}

/** One worker's reader of a log: the test says which partitions it owns, and which calls fail. */
export class MemorySource implements Source {
  readonly name = 'memory'
  readonly system = 'memory'
  readonly destination = 'log'
  ordered = true
  acknowledgesEach = false
  deadLettersEach = false
  identity: string | undefined
  /** Whether the log has come as far as a position that was kept before it had an identity. */
  hasCome = true
  heartbeat: number | undefined
  /** Messages handed over at once. */
  chunk = 10
  readonly acknowledgements: (readonly string[])[] = []
  readonly kept: (readonly string[])[] = []
  stopped = 0
  mode: SourceMode | undefined
  host!: SourceHost
  /** Called first; what it throws is what happens. */
  onStart: () => Promise<void> | void = () => {}
  onAcknowledge: (partition: string, positions: readonly string[]) => Promise<void> | void = () => {}
  onDeadLetter: (partition: string, message: Message) => Promise<void> | void = () => {}
  onLag: () => Promise<void> | void = () => {}
  readonly #log: MemoryLog
  readonly #readers = new Map<string, Reader>()
  readonly #most = new Map<string, number>()

  constructor(log: MemoryLog) {
    this.#log = log
  }

  async reaches(): Promise<boolean> {
    return this.hasCome
  }

  compare(a: string, b: string): number {
    return Number(a) - Number(b)
  }

  async start(host: SourceHost, mode: SourceMode): Promise<void> {
    await this.onStart()
    this.host = host
    this.mode = mode
  }

  /** The partition is this worker's; resolves when it may be read. */
  async own(partition: string): Promise<void> {
    const after = await this.host.assigned(partition)
    if (this.stopped > 0) return
    const at = after === undefined ? (this.#log.acknowledged.get(partition) ?? 0) : Number(after)
    const reader = { at, ended: false, seen: this.#most.get(partition) ?? 0 }
    this.#readers.set(partition, reader)
    void this.#read(partition, reader)
  }

  async #read(partition: string, reader: Reader): Promise<void> {
    while (!reader.ended) {
      const next = this.#log.of(partition).slice(reader.at, reader.at + this.chunk)
      if (next.length === 0) {
        await this.#log.more()
        continue
      }
      const again = next.map((message, i) => (reader.at + i < reader.seen ? { ...message, redelivered: 1 } : message))
      reader.at += next.length
      this.#most.set(partition, Math.max(reader.at, this.#most.get(partition) ?? 0))
      await this.host.deliver(partition, again)
    }
  }

  async revoke(partition: string, lost = false): Promise<void> {
    this.#endReader(partition)
    await this.host.revoked(partition, lost)
  }

  #endReader(partition: string): void {
    const reader = this.#readers.get(partition)
    if (reader !== undefined) reader.ended = true
    this.#readers.delete(partition)
    this.#log.wake()
  }

  get owned(): string[] {
    return [...this.#readers.keys()]
  }

  async acknowledge(partition: string, messages: readonly Message[]): Promise<void> {
    const positions = messages.map(({ position }) => position)
    await this.onAcknowledge(partition, positions)
    this.acknowledgements.push(positions)
    const last = Number(positions.at(-1))
    this.#log.acknowledged.set(partition, Math.max(last, this.#log.acknowledged.get(partition) ?? 0))
  }

  async keepAlive(_: string, messages: readonly Message[]): Promise<void> {
    this.kept.push(messages.map(({ position }) => position))
  }

  async deadLetter(partition: string, message: Message, why: DeadLetterReason): Promise<void> {
    await this.onDeadLetter(partition, message)
    this.#log.letters.push({ partition, position: message.position, why })
  }

  async lag(): Promise<ReadonlyMap<string, PartitionLag>> {
    await this.onLag()
    return new Map(
      this.owned.map((partition) => {
        const messages = this.#log.of(partition).length - (this.#log.acknowledged.get(partition) ?? 0)
        return [partition, { messages, seconds: messages === 0 ? 0 : 1.5 }]
      }),
    )
  }

  async stop(): Promise<void> {
    this.stopped++
    await Promise.all(this.owned.map((partition) => this.revoke(partition)))
    this.#log.wake()
  }
}
