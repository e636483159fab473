import { setTimeout as sleep } from 'node:timers/promises'
import type { DeadLetterReason, Message, Source, SourceHost } from '../../../src/consume/source.ts'

/** A worker's side of a source, which notes what it is told. Positions are what a database would keep. */
export class RecordingHost implements SourceHost {
  readonly owned = new Set<string>()
  readonly delivered: { readonly partition: string; readonly message: Message }[] = []
  readonly lost: string[] = []
  readonly troubles: (Error | undefined)[] = []
  /** Where each partition goes on, where the database remembers. */
  readonly positions: Map<string, string> | undefined
  /** Called with what came, before more may come. */
  onMessages: (partition: string, messages: readonly Message[]) => Promise<void> = async () => undefined
  /** Set before it is started. */
  source!: Source

  constructor(positions?: Map<string, string>) {
    this.positions = positions
  }

  async assigned(partition: string): Promise<string | undefined> {
    this.owned.add(partition)
    return this.positions && (this.positions.get(partition) ?? '')
  }

  async revoked(partition: string, lost = false): Promise<void> {
    this.owned.delete(partition)
    if (lost) this.lost.push(partition)
  }

  async deliver(partition: string, messages: readonly Message[]): Promise<void> {
    for (const message of messages) this.delivered.push({ partition, message })
    await this.onMessages(partition, messages)
  }

  async poisoned(partition: string, message: Message, why: DeadLetterReason): Promise<boolean> {
    await this.source.deadLetter(partition, message, why)
    return true
  }

  trouble(error: Error | undefined): void {
    this.troubles.push(error)
  }

  /** Acknowledges whatever comes. */
  acknowledging(): this {
    this.onMessages = (partition, messages) => this.source.acknowledge(partition, messages)
    return this
  }

  /** Bodies as they came. */
  get bodies(): string[] {
    return this.delivered.map(({ message }) => bodyOf(message))
  }
}

export function bodyOf({ body }: Message): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString()
}

/** Waits until `what` holds. @throws after `milliseconds`, with what `state` says */
export async function eventually(
  what: () => boolean | Promise<boolean>,
  milliseconds = 10_000,
  state = () => '',
): Promise<void> {
  const deadline = performance.now() + milliseconds
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what} ${state()}`)
    await sleep(10)
  }
}
