import type { Redis } from 'ioredis'
import type { RedisStreamsClient } from '../../../src/sources/redis-streams/index.ts'

/** A client whose connections can all be cut for good at once, as if their process had been killed: leases are left behind. */
export function mortalClient(client: Redis): { client: RedisStreamsClient; vanish(): void } {
  const made: Redis[] = []
  return {
    client: {
      status: 'ready',
      options: {},
      duplicate: (...overrides: never[]) => {
        const duplicate = client.duplicate(...overrides)
        made.push(duplicate)
        return duplicate
      },
    },
    vanish: () => {
      for (const duplicate of made) duplicate.disconnect()
    },
  }
}
