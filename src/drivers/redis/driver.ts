import type { AttemptContext, BatchInput, Driver, DriverTarget, RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import type { Table } from '../../contract/table.ts'
import type { TableFacts } from '../../contract/table-facts.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { Forms } from '../kit/forms.ts'
import { classify } from './classify.ts'
import { isCluster, type RedisClient, validClient } from './client.ts'
import { commonError, dispatch, dispatchToCluster } from './dispatch.ts'
import { Form } from './form.ts'
import { inspectTable } from './inspect.ts'
import { type MappingOf, type RedisOptions, validOptions } from './options.ts'
import type { Outcomes } from './outcome.ts'
import { ping } from './ping.ts'
import { Pipeline } from './pipeline.ts'
import { targetOf } from './target.ts'

const FIRST_SIZE = 16 * 1024

/**
 * Writes batches to Redis 6.2 and later over an ioredis client the application owns: a batch is one pipeline, or in a
 * cluster one for each node. Rows stand for themselves: each is committed or fails alone.
 */
export class RedisDriver implements Driver<Pipeline> {
  readonly name = 'redis'
  readonly deletes = true
  readonly #client: RedisClient
  readonly #mappingOf: MappingOf
  /** No mapping was given. */
  readonly #isUsual: boolean
  readonly #forms = new Forms<Form>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(client: RedisClient, options: RedisOptions = {}) {
    this.#client = validClient(client)
    this.#mappingOf = validOptions(options)
    this.#isUsual = options.commands === undefined
  }

  /** Asked anew each time: the client may be told another database. */
  get target(): DriverTarget | undefined {
    return targetOf(this.#client)
  }

  /** @throws {OptionError} when the table has no mapping, or its mapping does not have the table's conflict action */
  plan(batch: BatchInput): Pipeline {
    const { rows } = batch
    const form = this.#forms.get(batch) ?? this.#forms.set(batch, this.#formOf(batch))
    const { write, preamble, refusable = false, newer = false } = form.recipe
    const pipeline = new Pipeline(
      {
        keyPrefix: this.#client.options.keyPrefix ?? '',
        slots: isCluster(this.#client),
        size: Math.max(FIRST_SIZE, form.sizeOf(rows.length)),
      },
      refusable,
    )
    pipeline.preamble = preamble
    pipeline.newer = newer
    for (let i = 0; i < rows.length; i++) pipeline.row(i, write, rows[i]!)
    form.learn(pipeline, rows.length)
    return pipeline
  }

  async run(pipeline: Pipeline, { signal, superseded }: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    if (pipeline.rows.length === 0) return pipeline.failures
    const client = this.#client
    const outcomes = isCluster(client)
      ? await dispatchToCluster(client, pipeline, signal)
      : await dispatch(client, pipeline, signal)
    const common = pipeline.failures.length === 0 ? commonError(outcomes) : undefined
    if (common !== undefined) throw common
    superseded?.(outcomes.superseded)
    return failuresOf(pipeline, outcomes)
  }

  ping({ signal }: AttemptContext): Promise<void> {
    return ping(this.#client, signal)
  }

  inspect(table: Table, { signal }: AttemptContext): Promise<TableFacts> {
    const known = { refusal: this.#refusalOf(table), isUsual: this.#isUsual }
    return inspectTable(this.#client, table, known, signal)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #refusalOf(table: Table): string | undefined {
    try {
      this.#formOf({ table, columns: table.columns })
      if (table.deletes !== undefined) this.#formOf({ table, columns: table.deletes, deletions: true })
      return undefined
    } catch (error) {
      if (error instanceof OptionError) return error.message
      throw error
    }
  }

  #formOf({ table, columns, deletions = false }: Omit<BatchInput, 'rows'>): Form {
    if (table.action === 'sql') {
      throw new OptionError(`table ${JSON.stringify(table.name)}: onConflict.sql is for databases that speak SQL`)
    }
    const { compile, remove } = this.#mappingOf(table)
    const recipe = (deletions ? remove : compile)?.(table, columns)
    if (recipe === undefined) throw new OptionError(`table ${JSON.stringify(table.name)}: its mapping has no deletions`)
    if (table.newer === undefined || recipe.newer === true) return new Form(recipe)
    throw new OptionError(`table ${JSON.stringify(table.name)}: of all mappings only hash() obeys onConflict.newer`)
  }
}

function failuresOf(pipeline: Pipeline, { errors }: Outcomes): readonly RowFailure[] {
  const failures = [...pipeline.failures]
  errors.forEach((error, entry) => {
    if (error !== undefined) failures.push({ index: pipeline.rows[entry]!, error })
  })
  return failures
}
