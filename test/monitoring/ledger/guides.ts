/** What the Go library's later guides ask, of a Prometheus that is set up as docs/monitoring.md says for them. */
import { LATER_GUIDE_QUERIES } from '../go-guides.ts'
import type { Identity } from '../providers.ts'
import type { Routes } from '../routes.ts'
import type { Entry } from './audit.ts'
import { type Books, TEST_NAME } from './books.ts'

export async function auditGuides(
  { guides }: Routes,
  { job, page }: Identity,
  books: Books,
  time: number,
): Promise<Entry[]> {
  const selector = `job="${job}", instance="127.0.0.1:${page}", instance_id="${TEST_NAME}"`
  const sums = totals(books).map(async ([name, labels, ledger]): Promise<Entry> => {
    const question = `${name}{${labels}}`
    const [sample] = await guides.query(`sum(${name}{${[labels, selector].filter(Boolean).join(', ')}})`, time)
    const value = sample?.value ?? 0
    const problems = value === ledger ? [] : [`${question}: ${value}, the ledger ${ledger}`]
    return { question, ledger: String(ledger), values: { guides: value }, problems }
  })
  const answers = LATER_GUIDE_QUERIES.map(async ({ title, expr }): Promise<Entry> => {
    const samples = await guides.query(expr, time)
    const own = samples.filter(({ labels, value }) => labels['instance_id'] === TEST_NAME && Number.isFinite(value))
    const problems = own.length > 0 ? [] : [`${title}: no data of instance_id ${TEST_NAME} for ${expr}`]
    return { question: title, ledger: 'some data', values: { guides: own.length }, problems }
  })
  return Promise.all([...sums, ...answers])
}

/** Series, selector, and what the ledger has for it. */
function totals({ tables, batches }: Books): (readonly [name: string, labels: string, ledger: number])[] {
  const sql = ({ database }: { readonly database: string }) => database !== 'redis'
  const finals = batches.filter(({ reason }) => reason !== undefined)
  const retries = batches.reduce((sum, batch) => sum + batch.retries.length, 0)
  const rejected = (reason: string) => tables.reduce((sum, table) => sum + (table.rejected[reason] ?? 0), 0)
  const merged = tables
    .filter((table) => table.strategy === 'update' && sql(table))
    .reduce((sum, { database, table, accepted }) => sum + accepted - written(batches, database, table), 0)
  return [
    ['batchflow_errors_total', 'error_type=~"final:.*"', finals.length],
    ['batchflow_errors_total', 'error_type=~"retry:.*"', retries],
    ['batchflow_operation_errors_total', 'stage="final"', finals.length],
    [
      'batchflow_operation_errors_total',
      'reason="permission"',
      finals.filter(({ reason }) => reason === 'permission').length,
    ],
    [
      'batchflow_sql_errors_total',
      'reason="constraint"',
      finals.filter(({ reason }) => reason === 'constraint').length,
    ],
    ['batchflow_submit_rejected_total', 'reason="batchflow_closed"', rejected('closed')],
    ['batchflow_submit_rejected_total', 'reason="empty_request"', rejected('invalid')],
    ['batchflow_pipeline_flush_size_count', '', batches.length],
    ['batchflow_schema_groups_per_flush_sum', '', batches.length],
    ['batchflow_schema_groups_per_flush_bucket', 'le="1.0"', batches.length],
    ['batchflow_operation_generated_items_bucket', 'kind="output", le="+Inf"', batches.length],
    ['batchflow_pipeline_flush_size_sum', '', batches.reduce((sum, { rows }) => sum + rows, 0)],
    ['batchflow_sql_deduplicated_rows_total', 'kind="merged"', merged],
  ]
}

function written(batches: Books['batches'], database: string, table: string): number {
  const own = batches.filter((batch) => batch.database === database && batch.table === table)
  return own.reduce((sum, { rows }) => sum + rows, 0)
}
