/**
 * A driver of your own: batches as JSON lines to anything that takes them over HTTP. As it stands it fits ClickHouse:
 *
 *     new BatchFlow(createExecutor(httpDriver('http://localhost:8123')).withRetry({ maxAttempts: 3 }))
 */
import { AttemptError, type BatchInput, type Classification, type Driver, type Operation } from 'batchflow-otel'

type Fields = Readonly<Record<string, unknown>>

interface HttpOperation extends Operation {
  readonly body: string
}

/** An answer other than 2xx. Its body may quote rows, so it stays out of the message. */
export class HttpStatusError extends Error {
  readonly status: number

  constructor(status: number) {
    super(`the server answered ${status}`)
    this.status = status
  }
}

/** A row without JSON, for one because of a bigint. */
class EncodeError extends Error {}

export function httpDriver(url: string): Driver<HttpOperation> {
  return {
    name: 'clickhouse',

    plan({ table, columns, rows }: BatchInput) {
      const text = `INSERT INTO ${table.path.map(quote).join('.')} (${columns.map(quote).join(', ')}) FORMAT JSONEachRow`
      return { name: 'INSERT', text, body: rows.map((row, i) => lineOf(row as Fields, columns, i)).join('\n') }
    },

    async run({ text, body }, { signal }) {
      const response = await fetch(`${url}/?query=${encodeURIComponent(text)}`, { method: 'POST', body, signal }).catch(
        // Sent or not: nobody knows. Refused connections alone are certain, and rows wait for their end.
        (error) => {
          const isRefused = error.cause?.code === 'ECONNREFUSED'
          throw new AttemptError(error, isRefused ? { unreachable: true } : { ambiguous: true })
        },
      )
      await response.arrayBuffer()
      if (!response.ok) throw new AttemptError(new HttpStatusError(response.status), { ambiguous: false })
      return undefined
    },

    /** While the server is away, this is asked before a batch is tried. */
    async ping({ signal }) {
      const response = await fetch(`${url}/ping`, { signal })
      await response.arrayBuffer()
      if (!response.ok) throw new HttpStatusError(response.status)
    },

    classify(error): Classification | undefined {
      if (error instanceof EncodeError) return { reason: 'invalid_data' }
      // What happened to the connection is the cause of a TypeError. Others are slips, which nothing is known about.
      if (error instanceof TypeError && error.cause !== undefined) return { reason: 'connection' }
      if (!(error instanceof HttpStatusError)) return undefined
      if (error.status === 400) return { reason: 'invalid_data', code: '400' }
      return { reason: error.status >= 500 ? 'io' : 'permission', code: String(error.status) }
    },
  }
}

function lineOf(row: Fields, columns: readonly string[], rowIndex: number): string {
  try {
    return JSON.stringify(Object.fromEntries(columns.map((column) => [column, row[column]])))
  } catch (cause) {
    throw new AttemptError(new EncodeError('the row has no JSON', { cause }), { rowIndex })
  }
}

function quote(identifier: string): string {
  return `\`${identifier.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}
