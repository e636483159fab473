/** The slice of `ioredis` this driver calls, typed structurally: a `Redis` or `Cluster` fits without a cast. */
export interface RedisClient {
  readonly status: string
}
