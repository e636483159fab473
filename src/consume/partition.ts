import type { SpanContext } from '@opentelemetry/api'
import { logError } from '../support/guard.ts'
import { Acknowledger } from './acknowledger.ts'
import { Backoff } from './backoff.ts'
import type { Chunk } from './chunk.ts'
import type { Obstacle } from './decode.ts'
import { HeldMessage } from './held-message.ts'
import { KeepAlive } from './keep-alive.ts'
import { Letters, type LettersHost } from './letters.ts'
import type { Shared } from './shared.ts'
import type { DeadLetterReason, Message } from './source.ts'
import { parseTraceHeaders } from './traceparent.ts'

/**
 * A partition that is owned: holds its messages in order until they are settled and acknowledged. How their rows get into the
 * database, and in which order again after trouble, is the subclass's business.
 */
export abstract class Partition {
  readonly name: string
  protected readonly shared: Shared
  /** Those that are not settled, and those behind them. */
  protected readonly held: HeldMessage[] = []
  protected readonly backoff: Backoff
  /** Nothing more is begun. */
  protected stopping = false
  /** Whatever happens to what is under way is no more of its business. */
  protected ended = false
  /** Nothing goes on behind a message that this worker cannot read. */
  protected barred = false
  /** The position of the message that came last. */
  protected last = ''
  readonly #positions = new Map<string, HeldMessage>()
  readonly #acks: Acknowledger
  readonly #letters: Letters
  readonly #alive: KeepAlive
  readonly #atRest = new Set<() => void>()
  #leave!: () => void
  /** Resolves when the partition is gone. */
  readonly #gone = new Promise<void>((resolve) => (this.#leave = resolve))
  #checking = false
  /** Lost, and what commits nevertheless is acknowledged. */
  #isLate = false

  constructor(name: string, shared: Shared) {
    const { source, settings, troubles } = shared
    this.name = name
    this.shared = shared
    this.backoff = new Backoff(settings.clock)
    this.#letters = new Letters(name, this.#lettersHost())
    this.#alive = new KeepAlive(name, source, troubles)
    this.#acks = new Acknowledger(
      {
        acknowledge: (messages) => source.acknowledge(name, messages),
        acknowledged: (messages) => this.#release(messages),
        trouble: (error) => {
          if (error === undefined) troubles.end('acknowledge', name)
          else if (!this.ended) troubles.begin('acknowledge', error, name)
        },
      },
      new Backoff(settings.clock),
    )
  }

  #lettersHost(): LettersHost {
    const partition = this
    const { source, settings, troubles, signal } = this.shared
    return {
      clock: settings.clock,
      troubles,
      signal,
      put: settings.deadLetter ?? ((name, message, why) => source.deadLetter(name, message, why)),
      get stopping() {
        return partition.stopping
      },
      get ended() {
        return partition.ended
      },
      done: () => this.check(),
    }
  }

  /** Messages held of it: not settled, or settled and not acknowledged. */
  get size(): number {
    return this.held.length + this.#acks.unacknowledged.length
  }

  /** Hands over what may be now. */
  protected abstract work(): void
  /** A message came, and its rows with it. Where it has a `letter`, it is about to be put aside. */
  protected abstract queue(held: HeldMessage): void
  /** Rows are under way. */
  protected abstract get isBusy(): boolean
  /** Rows that were handed over, and would be again, are not any more: their messages stay in the log. */
  abstract giveBack(): void
  /** It is at rest, and about to be given back. */
  protected abstract leave(): Promise<void>

  /** Resolves when more may come. */
  deliver(messages: readonly Message[]): Promise<void> {
    const { holdings } = this.shared
    if (this.stopping || messages.length === 0) return Promise.resolve()
    const origins = this.shared.isTraced ? messages.map(({ headers }) => parseTraceHeaders(headers)) : undefined
    const chunk = origins && this.shared.startChunk(this.name, origins)
    for (const [i, message] of messages.entries()) this.#take(message, origins?.[i], chunk)
    this.check()
    this.work()
    return this.barred ? holdings.never(this.name) : holdings.room(this.name)
  }

  #take(message: Message, origin: SpanContext | undefined, chunk: Chunk | undefined): void {
    const { tally, holdings } = this.shared
    if ((message.redelivered ?? 0) > 0) tally.redelivered++
    const known = this.#positions.get(message.position)
    if (known !== undefined) known.message = message
    if (known !== undefined || this.isPast(message)) {
      chunk?.settled(false)
      return
    }
    const held = new HeldMessage(message, this.last, chunk)
    this.last = message.position
    this.#positions.set(message.position, held)
    this.held.push(held)
    holdings.take(this.name, 1, held.bytes)
    held.origin = origin
    this.#read(held)
  }

  #read(held: HeldMessage): void {
    if (this.barred) return // nor is it decoded
    const { why, blockedBy } = this.shared.reader.read(held)
    if (blockedBy !== undefined) this.#bar(held, blockedBy)
    if (this.barred) return
    if (why !== undefined) {
      held.left++
      void this.putAside(held, why).then((isDone) => {
        if (!isDone) return
        this.settle(held, 'dead_lettered')
        this.work()
      })
    }
    this.queue(held)
  }

  /** What came before it is settled, or held, as the database says. */
  protected isPast(_: Message): boolean {
    return false
  }

  #bar(held: HeldMessage, { kind, table, error }: Obstacle): void {
    this.barred = true
    held.left++
    this.shared.troubles.begin(kind, error, this.name, table)
  }

  /** A row of `held` is settled, or a letter about it. */
  protected settle(held: HeldMessage, outcome: 'committed' | 'dead_lettered' | undefined): void {
    if (this.#isOver) return
    held.settle(outcome)
    this.check()
  }

  /** Rows settle many at a time: what follows from it is seen once for all of them. */
  protected check(): void {
    if (this.#checking) return
    this.#checking = true
    queueMicrotask(() => {
      this.#checking = false
      if (this.#isOver) return
      this.#advance()
      if (this.ended || this.isBusy || this.#letters.isBusy) return
      for (const resolve of this.#atRest) resolve()
      this.#atRest.clear()
    })
  }

  #advance(): void {
    const { tally } = this.shared
    let settled = 0
    while (settled < this.held.length && this.held[settled]!.left === 0) settled++
    if (settled === 0) return
    const messages = this.held.splice(0, settled)
    for (const { outcome, chunk } of messages) {
      tally.messages[outcome]++
      if (!this.ended) chunk?.settled(outcome === 'dead_lettered')
    }
    this.removed(settled)
    this.#acks.add(messages)
  }

  /** So many are no longer at the head of `held`. */
  protected removed(_: number): void {}

  #release(messages: readonly HeldMessage[]): void {
    let bytes = 0
    for (const held of messages) {
      bytes += held.bytes
      this.#positions.delete(held.message.position)
    }
    if (!this.ended) this.shared.holdings.release(this.name, messages.length, bytes)
  }

  /**
   * Puts a message aside, once however many of its rows failed; resolves when that is durable, with `false` when the partition
   * is gone meanwhile.
   */
  protected putAside(held: HeldMessage, why: DeadLetterReason): Promise<boolean> {
    held.letter ??= this.#letters.write(held.message, why)
    return held.letter
  }

  /** The same for a row of it that failed, once for each where the source wants that. */
  protected putRowAside(held: HeldMessage, why: DeadLetterReason): Promise<boolean> {
    const isEach = this.shared.source.deadLettersEach === true
    return isEach ? this.#letters.write(held.message, why) : this.putAside(held, why)
  }

  /** Puts aside what the source does not hand over; resolves with whether that is durable, and the message settled by it. */
  async poisoned(message: Message, why: DeadLetterReason): Promise<boolean> {
    const isDone = await this.#letters.write(message, why)
    if (isDone) this.shared.tally.messages.dead_lettered++
    return isDone
  }

  /** The log is told that what is not settled is still worked on. */
  keepAlive(): Promise<void> {
    return this.#alive.keep([...this.#acks.unacknowledged, ...this.held])
  }

  /** Nothing is acknowledged any more, not even what was under way when the partition was lost. */
  get #isOver(): boolean {
    return this.ended && !this.#isLate
  }

  /** Gives the partition back, once nothing of it is under way. `lost`: at once; what is under way is given up. */
  async end(lost: boolean): Promise<void> {
    this.stopping = true
    this.backoff.end()
    this.#letters.end()
    const drained = lost ? undefined : this.#drain().catch((error) => logError('a partition was not drained', error))
    await Promise.race([drained, this.#gone])
    if (this.ended) return
    this.giveBack()
    this.ended = true
    this.#isLate = lost && this.shared.source.acknowledgesEach === true
    if (this.#isLate) void this.#acks.end()
    else this.#acks.stop()
    this.#leave()
    for (const { chunk } of this.held) chunk?.giveBack()
    this.shared.holdings.forget(this.name)
    this.shared.troubles.forget(this.name)
  }

  async #drain(): Promise<void> {
    const rest = new Promise<void>((resolve) => this.#atRest.add(resolve))
    this.check()
    if (this.isBusy) void this.shared.flow.flush()
    await rest
    await this.leave()
    await this.#acks.end()
  }
}
