import { AttemptError, type DriverTarget, type RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import { unlessAborted } from '../../support/abort.ts'
import type { Clock } from '../../support/clock.ts'
import type { LogDriver, LogMessage } from '../kit/log-driver.ts'
import { classify, prefixOf } from './classify.ts'
import type { RedisStreamsClient } from './client.ts'
import { Connection, NotConnectedError } from './connection.ts'
import { fieldsOf } from './entry.ts'
import { Keys } from './keys.ts'
import { ADD, TRIM } from './script.ts'

/** How long the number of a publisher's last batch is kept, in s: longer than anything can be under way. */
const REMEMBERED = 3600

export interface StreamsLogSettings {
  readonly stream: string
  readonly partitions: number
  readonly maxLength: number | undefined
  readonly clock: Clock
}

/** What goes to one partition, by its places in the batch. */
interface Share {
  readonly places: number[]
  readonly args: (string | number | Buffer)[]
}

/** Writes messages into streams: what goes to one partition by one script, so that it has all of it, once, or nothing. */
export class StreamsLog implements LogDriver {
  readonly name = 'redis-streams'
  readonly system = 'redis'
  readonly destination: string
  readonly partitions: number
  readonly target: DriverTarget | undefined
  readonly #settings: StreamsLogSettings
  readonly #keys: Keys
  readonly #connection: Connection

  constructor(client: RedisStreamsClient, settings: StreamsLogSettings) {
    this.destination = settings.stream
    this.partitions = settings.partitions
    this.target = targetOf(client)
    this.#settings = settings
    this.#keys = new Keys(settings.stream, '')
    this.#connection = new Connection(client, settings.clock)
  }

  async send(
    messages: readonly LogMessage[],
    signal: AbortSignal,
    id: string,
  ): Promise<readonly RowFailure[] | undefined> {
    await this.#reached(signal)
    const { name, number } = parsedId(id)
    const shares = [...this.#shares(messages, number)]
    const uncut = this.#connection.cutOn(signal) // what is under way is lost then, and known to be
    const outcomes = await Promise.allSettled(
      shares.map(([partition, { args }]) =>
        unlessAborted(
          this.#connection.run(ADD, [this.#keys.partition(partition), this.#keys.publisher(partition, name)], args),
          signal,
        ),
      ),
    )
    uncut()
    const failures: RowFailure[] = []
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') continue
      if (prefixOf(outcome.reason) === 'OOM') await this.#makeRoom(shares[i]![0], signal)
      const error = attemptError(outcome.reason)
      for (const index of shares[i]![1].places) failures.push({ index, error })
    }
    if (failures.length === messages.length) throw failures[0]!.error
    return failures
  }

  /** For the next try. */
  async #makeRoom(partition: number, signal: AbortSignal): Promise<void> {
    const { maxLength = 0 } = this.#settings
    if (maxLength === 0) return
    const trimming = this.#connection.run(TRIM, [this.#keys.partition(partition)], [maxLength])
    await unlessAborted(trimming, signal).catch(() => undefined)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#reached(signal)
    await unlessAborted(this.#connection.call('PING', []), signal)
  }

  close(): void {
    this.#connection.close()
  }

  async #reached(signal: AbortSignal): Promise<void> {
    try {
      await unlessAborted(this.#connection.open(), signal)
    } catch (error) {
      throw new AttemptError(error, { unreachable: true })
    }
  }

  #shares(messages: readonly LogMessage[], number: string): Map<number, Share> {
    const shares = new Map<number, Share>()
    for (const [place, message] of messages.entries()) {
      let share = shares.get(message.partition)
      if (share === undefined) {
        share = { places: [], args: [number, REMEMBERED, this.#settings.maxLength ?? 0] }
        shares.set(message.partition, share)
      }
      const fields = fieldsOf(message)
      share.places.push(place)
      share.args.push(fields.length, ...fields)
    }
    return shares
  }
}

/** Batches of a publisher are numbered upwards. */
function parsedId(id: string): { name: string; number: string } {
  const colon = id.lastIndexOf(':')
  return { name: id.slice(0, colon), number: id.slice(colon + 1) }
}

/** What the server refused is not written: a script that is refused has written nothing. All else may have been. */
function attemptError(error: unknown): AttemptError {
  if (error instanceof NotConnectedError) return new AttemptError(error, { unreachable: true })
  const isRefused = error instanceof Error && error.name === 'ReplyError'
  return new AttemptError(error, { ambiguous: !isRefused })
}

function targetOf({ options }: RedisStreamsClient): DriverTarget | undefined {
  const { host, port, path } = options as { host?: string; port?: number; path?: string }
  if (path) return { address: path }
  return host === undefined ? undefined : { address: host, port }
}
