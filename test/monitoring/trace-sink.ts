/** Takes OTLP over gRPC, as the Collector sends it to a trace store, and keeps every span, decoded from the actual bytes. */
import { once } from 'node:events'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { decodeSpans, type OtlpSpan } from '../support/telemetry/otlp-receiver.ts'

export interface TraceSink {
  readonly port: number
  readonly requests: number
  /** The spans of a service, by span id. */
  spansOf(service: string): ReadonlyMap<string, OtlpSpan>
  stop(): Promise<void>
}

/** A message is preceded by a byte that tells whether it is compressed, and its length in four. */
const FRAME = 5

export async function startTraceSink(): Promise<TraceSink> {
  const messages: Buffer[] = []
  const server = createServer()
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream) => void answer(stream).then((message) => messages.push(message)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return messages.length
    },
    spansOf(service) {
      const spans = messages.filter((message) => message.includes(service)).flatMap((message) => decodeSpans(message))
      return new Map(
        spans.filter(({ resource }) => resource['service.name'] === service).map((span) => [span.spanId, span]),
      )
    },
    async stop() {
      for (const session of sessions) session.destroy()
      await once(server.close(), 'close')
    },
  }
}

async function answer(stream: ServerHttp2Stream): Promise<Buffer> {
  const body = await buffer(stream)
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.alloc(FRAME))
  const message = body.subarray(FRAME)
  return body[0] === 1 ? gunzipSync(message) : message
}
