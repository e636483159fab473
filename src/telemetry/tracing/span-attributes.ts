/**
 * Attributes of spans. Those of databases are the stable semantic conventions', imported where they are used; these are
 * the two that are not stable yet, and our own.
 */
export const SPAN_ATTR = {
  /** Rows the batch writes. */
  rows: 'batchflow.batch.rows',
  /** Rows accepted into the batch; more than `rows` where rows of one key were merged. */
  accepted: 'batchflow.batch.accepted',
  /** Why the batch left its lane. */
  trigger: 'batchflow.batch.trigger',
  attempts: 'batchflow.batch.attempts',
  /** Rows of the batch that were not committed. */
  failed: 'batchflow.batch.failed',
  /** Rows of the batch that were not committed as far as anybody knows, but may be in the table. */
  ambiguous: 'batchflow.batch.ambiguous',
  /** Distinct submitters beyond those the span links to. */
  linksDropped: 'batchflow.links.dropped',
  /** Marks the link from a submitter's span to the batch that carries its row. */
  link: 'batchflow.link',
  /** How long the batch waited for its database, in seconds. */
  outageDuration: 'batchflow.outage.duration',
  /** Attempts at the batch that the database did not take meanwhile. */
  outageAttempts: 'batchflow.outage.attempts',
  /** Messages put aside. */
  deadLettered: 'batchflow.source.dead_lettered',
  /** Messages that were not settled, as their partition went to somebody else. */
  givenBack: 'batchflow.source.given_back',
} as const

/** Those of the messaging conventions that are used here; experimental, so they are copied. */
export const MESSAGING_ATTR = {
  system: 'messaging.system',
  destination: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  messageCount: 'messaging.batch.message_count',
} as const

/** Events of a batch's span. */
export const SPAN_EVENT = {
  /** The batch waits, as the database takes none. */
  outageBegan: 'batchflow.outage.began',
  /** The batch waits no longer. */
  outageEnded: 'batchflow.outage.ended',
} as const

/** Start of every batch span's name; the table follows. */
export const BATCH_SPAN = 'batchflow.batch'

/** Databases as the conventions name them, where they differ from the `database` label. */
export const DB_SYSTEMS: Readonly<Record<string, string>> = { postgres: 'postgresql' }
