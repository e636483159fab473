import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import protobuf from 'protobufjs'

export type Values = Readonly<Record<string, unknown>>

export interface OtlpLink {
  readonly traceId: string
  readonly spanId: string
  readonly attributes: Values
}

/** A span as it came over the wire; ids are hexadecimal. */
export interface OtlpSpan extends OtlpLink {
  readonly name: string
  readonly kind: 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER'
  /** `''` for a root. */
  readonly parentSpanId: string
  readonly links: readonly OtlpLink[]
  readonly droppedLinks: number
  readonly events: readonly { readonly name: string; readonly attributes: Values }[]
  readonly status: { readonly code: 'UNSET' | 'OK' | 'ERROR'; readonly message: string }
  /** Name of the instrumentation. */
  readonly scope: string
  readonly resource: Values
}

export interface OtlpPoint {
  readonly attributes: Values
  /** Of a histogram, the count. */
  readonly value: number
}

const root = protobuf.loadSync(join(import.meta.dirname, 'otlp.proto'))
const TRACES = root.lookupType('ExportTraceServiceRequest')
const METRICS = root.lookupType('ExportMetricsServiceRequest')

/** Listens as a Collector does for OTLP over HTTP, and keeps what comes, decoded from the actual protobuf. */
export class OtlpReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  readonly spans: OtlpSpan[] = []
  readonly #metrics = new Map<string, readonly OtlpPoint[]>()
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request: IncomingMessage, response) => {
      void this.#take(request).then(
        () => response.setHeader('content-type', 'application/x-protobuf').end(),
        (error) => response.writeHead(400).end(String(error)),
      )
    })
  }

  static async open(): Promise<OtlpReceiver> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new OtlpReceiver(server)
  }

  /** Spans whose name begins so, in the order they came. */
  named(start: string): OtlpSpan[] {
    return this.spans.filter(({ name }) => name.startsWith(start))
  }

  /** The one span with such a name. */
  only(start: string): OtlpSpan {
    const [span, ...others] = this.named(start)
    if (span === undefined || others.length > 0) {
      throw new Error(`${others.length + (span ? 1 : 0)} spans ${start} among ${this.spans.map(({ name }) => name)}`)
    }
    return span
  }

  childrenOf({ traceId, spanId }: OtlpLink): OtlpSpan[] {
    return this.spans.filter((span) => span.traceId === traceId && span.parentSpanId === spanId)
  }

  /** Points of a metric as last received. */
  points(metric: string): readonly OtlpPoint[] {
    return this.#metrics.get(metric) ?? []
  }

  get metricNames(): string[] {
    return [...this.#metrics.keys()]
  }

  /** Until `condition` holds of what came. */
  async until(condition: () => boolean, milliseconds = 10_000): Promise<void> {
    const deadline = Date.now() + milliseconds
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`not received in ${milliseconds} ms: ${condition}`)
      await sleep(10)
    }
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage): Promise<void> {
    const body = await buffer(request)
    if (request.url === '/v1/traces') this.spans.push(...decodeSpans(body))
    else if (request.url === '/v1/metrics')
      for (const [name, points] of decodeMetrics(body)) this.#metrics.set(name, points)
    else throw new Error(`no such endpoint: ${request.url}`)
  }
}

type Raw = Record<string, unknown>

function decode(type: protobuf.Type, body: Uint8Array): Raw {
  return type.toObject(type.decode(body), { enums: String, longs: Number, defaults: true, arrays: true, oneofs: true })
}

/** The spans of a request of OTLP, over HTTP or without its frame over gRPC. */
export function decodeSpans(body: Uint8Array): OtlpSpan[] {
  return list(decode(TRACES, body)['resourceSpans']).flatMap(({ resource, scopeSpans }) =>
    list(scopeSpans).flatMap(({ scope, spans }) =>
      list(spans).map((span) => ({
        name: String(span['name']),
        kind: span['kind'] as OtlpSpan['kind'],
        ...linkOf(span),
        parentSpanId: hex(span['parentSpanId']),
        links: list(span['links']).map(linkOf),
        droppedLinks: Number(span['droppedLinksCount']),
        events: list(span['events']).map(({ name, attributes }) => ({
          name: String(name),
          attributes: values(attributes),
        })),
        status: span['status'] as OtlpSpan['status'],
        scope: String((scope as Raw)['name']),
        resource: values((resource as Raw)['attributes']),
      })),
    ),
  )
}

function decodeMetrics(body: Uint8Array): [string, OtlpPoint[]][] {
  return list(decode(METRICS, body)['resourceMetrics']).flatMap(({ scopeMetrics }) =>
    list(scopeMetrics).flatMap(({ metrics }) =>
      list(metrics).map((metric): [string, OtlpPoint[]] => {
        const data = metric[String(metric['data'])] as Raw
        return [String(metric['name']), list(data['dataPoints']).map(pointOf)]
      }),
    ),
  )
}

function pointOf({ attributes, value, count, ...point }: Raw): OtlpPoint {
  return { attributes: values(attributes), value: Number(value === undefined ? count : point[String(value)]) }
}

function linkOf({ traceId, spanId, attributes }: Raw): OtlpLink {
  return { traceId: hex(traceId), spanId: hex(spanId), attributes: values(attributes) }
}

function values(pairs: unknown): Values {
  return Object.fromEntries(list(pairs).map(({ key, value }) => [key, plain(value as Raw)]))
}

function plain(value: Raw): unknown {
  const content = value[String(value['value'])]
  return value['value'] === 'arrayValue' ? list((content as Raw)['values']).map(plain) : content
}

function list(items: unknown): Raw[] {
  return (items ?? []) as Raw[]
}

function hex(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString('hex')
}
