import { DiscardPolicy, type JetStreamManager, type StreamConfig, type StreamInfo } from '@nats-io/jetstream'
import { OptionError } from '../../support/batchflow-error.ts'
import { isMissingStream, isNameInUse } from './errors.ts'
import { takes } from './names.ts'

/** What of a stream that is made here can be said otherwise. Durations in ms. */
export interface StreamSettings {
  /** Messages older than this, in ms, are removed, read or not; 0: never. @default 7 days */
  readonly maxAge?: number | undefined
  /** Bytes at which the stream takes no more; -1: no limit. @default -1 */
  readonly maxBytes?: number | undefined
  /** Servers of a cluster that have it. @default 1 */
  readonly replicas?: number | undefined
  /** For how long, in ms, a message that is sent again is known to be the same. @default 2 minutes */
  readonly duplicateWindow?: number | undefined
}

const DAY = 86_400_000
const NANOSECONDS = 1_000_000

/**
 * The stream `name`, made where it is missing unless `create` is false. One that exists is never altered.
 *
 * @throws {OptionError} when it exists and does not store all of `subjects`
 */
export async function streamFor(
  manager: JetStreamManager,
  name: string,
  subjects: readonly string[],
  stored: readonly string[],
  create: StreamSettings | false,
): Promise<StreamInfo> {
  const info = (await existing(manager, name, create !== false)) ?? (await made(manager, name, stored, create || {}))
  const { subjects: patterns = [] } = info.config
  const missing = subjects.find((subject) => !patterns.some((pattern) => takes(pattern, subject)))
  if (missing === undefined) return info
  throw new OptionError(
    `nats: stream ${JSON.stringify(name)} does not store subject ${JSON.stringify(missing)}: add it with \`nats stream edit\`, or name another stream`,
  )
}

async function existing(manager: JetStreamManager, name: string, mayMiss: boolean): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name)
  } catch (error) {
    if (mayMiss && isMissingStream(error)) return undefined
    throw error
  }
}

/** Full, it refuses what is new: what is forgotten unread is lost, what is refused is still with the publisher. */
async function made(
  manager: JetStreamManager,
  name: string,
  subjects: readonly string[],
  { maxAge = 7 * DAY, maxBytes = -1, replicas = 1, duplicateWindow = 120_000 }: StreamSettings,
): Promise<StreamInfo> {
  const config: Partial<StreamConfig> & { name: string } = {
    name,
    subjects: [...subjects],
    discard: DiscardPolicy.New,
    max_age: maxAge * NANOSECONDS,
    max_bytes: maxBytes,
    num_replicas: replicas,
    duplicate_window: (maxAge === 0 ? duplicateWindow : Math.min(duplicateWindow, maxAge)) * NANOSECONDS,
    allow_direct: true,
  }
  try {
    return await manager.streams.add(config)
  } catch (error) {
    if (isNameInUse(error)) return manager.streams.info(name)
    throw error
  }
}
