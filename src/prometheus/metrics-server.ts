import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { diag } from '@opentelemetry/api'
import { BatchFlowError } from '../support/batchflow-error.ts'
import type { LivePage } from './live/live-page.ts'
import { type Scrapes, sendText } from './scrapes.ts'

export interface MetricsServerOptions {
  readonly host: string
  readonly port: number
  /** Whether a process with nothing else to do may exit while the server listens. */
  readonly unref: boolean
  readonly scrapes: Scrapes
  /** What is at `/`, if anything. */
  readonly live?: LivePage | undefined
}

export interface MetricsServer {
  readonly port: number
  /** Ends the server and every connection to it, a running scrape included. */
  close(): Promise<void>
}

/**
 * Serves `GET /metrics`, and a live page at `/` where there is one. Whatever happens in a scrape ends in its response: nothing is thrown, no promise is left to reject.
 *
 * @throws {BatchFlowError} `ERR_BATCHFLOW_PORT` when it cannot listen
 */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?', 1)[0]
    if (path === '/metrics') await options.scrapes.answer(request, response)
    else if (path === '/' && options.live !== undefined) await options.live.answer(request, response)
    else sendText(response, path === '/' ? 200 : 404, 'The metrics are at /metrics\n')
  })
  if (options.unref) {
    server.unref()
    server.on('connection', (socket) => socket.unref())
  }
  await listen(server, options)
  server.on('error', (error) => diag.error('batchflow-otel: the metrics server failed', error))
  return { port: (server.address() as AddressInfo).port, close: () => close(server) }
}

function listen(server: Server, { host, port }: MetricsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(portError(host, port, error))
    server.once('error', fail)
    // Workers of a cluster would share a port otherwise, and each scrape would meet another one of them.
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function portError(host: string, port: number, error: NodeJS.ErrnoException): BatchFlowError {
  const message =
    error.code === 'EADDRINUSE'
      ? `port ${port} on ${host} is taken: stop the process that listens there, or give another port; 0 finds a free one`
      : `cannot listen on port ${port} of ${host} (${error.code}): check host and port`
  return new BatchFlowError('ERR_BATCHFLOW_PORT', message, { cause: error })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
