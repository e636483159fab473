import type { AttemptContext, BatchInput, Driver, DriverTarget, RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import type { Table } from '../../contract/table.ts'
import { implementing } from '../../support/options.ts'
import { classify } from './classify.ts'
import { isCluster, type RedisClient } from './client.ts'
import { commonError, dispatch, dispatchToCluster } from './dispatch.ts'
import type { Recipe } from './mapping.ts'
import { type MappingOf, type RedisOptions, validOptions } from './options.ts'
import type { Outcomes } from './outcome.ts'
import { Pipeline } from './pipeline.ts'

const isClient = implementing<RedisClient>('an ioredis Redis or Cluster', 'on', 'connect')

const FIRST_SIZE = 16 * 1024

/** What is known about a table and one set of its columns. */
interface Known {
  readonly recipe: Recipe
  /** Bytes a row took on average, the last time. */
  rowSize: number
}

/**
 * Writes batches to Redis 6.2 and later over an ioredis client the application owns: a batch is one pipeline, or in a
 * cluster one for each node. Rows stand for themselves: each is committed or fails alone.
 */
export class RedisDriver implements Driver<Pipeline> {
  readonly name = 'redis'
  readonly #client: RedisClient
  readonly #mappingOf: MappingOf
  readonly #known = new WeakMap<Table, WeakMap<readonly string[], Known>>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(client: RedisClient, options: RedisOptions = {}) {
    this.#client = isClient('redisExecutor: client', client)
    this.#mappingOf = validOptions(options)
  }

  /** Of a cluster nothing is known: every pipeline has another. */
  get target(): DriverTarget | undefined {
    if (isCluster(this.#client)) return undefined
    const { host, port, path, db = 0 } = this.#client.options
    return { namespace: String(db), ...(path ? { address: path } : { address: host, port }) }
  }

  /** @throws {OptionError} when the table has no mapping, or its mapping does not have the table's conflict action */
  plan(batch: BatchInput): Pipeline {
    const known = this.#knownOf(batch)
    const { write, preamble, refusable = false } = known.recipe
    const { rows } = batch
    const pipeline = new Pipeline(
      {
        keyPrefix: this.#client.options.keyPrefix ?? '',
        slots: isCluster(this.#client),
        size: Math.max(FIRST_SIZE, Math.ceil(rows.length * known.rowSize * 1.1)),
      },
      refusable,
    )
    pipeline.preamble = preamble
    for (let i = 0; i < rows.length; i++) pipeline.row(i, () => write(pipeline, rows[i]!))
    known.rowSize = pipeline.bytes.length / rows.length
    return pipeline
  }

  async run(pipeline: Pipeline, { signal }: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    if (pipeline.rows.length === 0) return pipeline.failures
    const client = this.#client
    const outcomes = isCluster(client)
      ? await dispatchToCluster(client, pipeline, signal)
      : await dispatch(client, pipeline, signal)
    const common = pipeline.failures.length === 0 ? commonError(outcomes) : undefined
    if (common !== undefined) throw common
    return failuresOf(pipeline, outcomes)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #knownOf({ table, columns }: BatchInput): Known {
    let shapes = this.#known.get(table)
    if (shapes === undefined) this.#known.set(table, (shapes = new WeakMap()))
    let known = shapes.get(columns)
    if (known === undefined) {
      shapes.set(columns, (known = { recipe: this.#mappingOf(table).compile(table, columns), rowSize: 0 }))
    }
    return known
  }
}

function failuresOf(pipeline: Pipeline, { errors }: Outcomes): readonly RowFailure[] {
  const failures = [...pipeline.failures]
  errors.forEach((error, entry) => {
    if (error !== undefined) failures.push({ index: pipeline.rows[entry]!, error })
  })
  return failures
}
