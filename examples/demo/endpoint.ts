import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { metrics } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BatchFlowPrometheusExporter } from 'batchflow-otel/prometheus'
import { TracePages } from './trace-pages.ts'
import type { TraceRing } from './trace-ring.ts'

const HOST = '127.0.0.1'

export interface Endpoint {
  /** The live page. */
  readonly page: string
  readonly metrics: string
  /** Absent where spans are sent elsewhere. */
  readonly traces: string | undefined
  stop(): Promise<void>
}

/**
 * Registers a meter provider, and serves the live page at `/`, `/metrics`, `/traces` and `/traces/<trace id>` on one port.
 *
 * @throws when the port is taken
 */
export async function startEndpoint(port: number, ring: TraceRing | undefined): Promise<Endpoint> {
  const server = createServer().listen(port, HOST)
  await once(server, 'listening')
  const base = `http://${HOST}:${(server.address() as AddressInfo).port}`
  const urls = { page: `${base}/`, metrics: `${base}/metrics`, traces: ring && `${base}/traces` }
  const page = { title: 'BatchFlow: flights', ...(ring && { traceUrl: `${base}/traces/{traceId}` }) }
  const exporter = new BatchFlowPrometheusExporter({ listen: false, page })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  const pages = ring && new TracePages(ring, `${base}/traces`)
  server.on('request', (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '/'
    if (path === '/metrics') return exporter.handle(request, response)
    if (path === '/') return exporter.handleLivePage(request, response)
    return sendJson(response, pageAt(path, pages))
  })
  metrics.setGlobalMeterProvider(meterProvider)
  const stop = async () => {
    server.close()
    server.closeAllConnections()
    await meterProvider.shutdown()
  }
  return { ...urls, stop }
}

function pageAt(path: string, pages: TracePages | undefined): object | undefined {
  if (path === '/traces') return pages?.list()
  const [, traceId] = /^\/traces\/([0-9a-f]{32})$/.exec(path) ?? []
  return traceId === undefined ? undefined : pages?.show(traceId)
}

function sendJson(response: ServerResponse, page: object = { error: 'there is no such page, or no longer' }): void {
  response.writeHead('error' in page ? 404 : 200, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(page, undefined, 2)}\n`)
}
