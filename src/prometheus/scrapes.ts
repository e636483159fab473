import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { diag } from '@opentelemetry/api'
import { acceptsGzip, negotiate, type PageFormat } from './negotiate.ts'

/** Renders what is to be seen now. */
export type Page = (format: PageFormat) => Promise<Buffer>

/** Answers under way at once. Each may hold a page of some megabytes, and two Prometheus servers need two. */
const MAX_SCRAPES = 8
/** Seconds until who was refused may ask again. */
const RETRY_AFTER = 1
/** Milliseconds for which who asked may take nothing of the answer; then the connection is closed. */
const MAX_SILENCE_MS = 30_000

const compress = promisify(gzip)

/** A page, written once for all who asked for it meanwhile. */
class Rendering {
  readonly plain: Promise<Buffer>
  #gzipped: Promise<Buffer> | undefined

  constructor(plain: Promise<Buffer>) {
    this.plain = plain
  }

  /** Compressed outside the event loop. The fastest level makes it 20 times smaller; more would cost more than it saves. */
  gzipped(): Promise<Buffer> {
    this.#gzipped ??= this.plain.then((page) => compress(page, { level: constants.Z_BEST_SPEED }))
    return this.#gzipped
  }
}

/**
 * Answers scrapes. Those that come while a page of their format is rendered get that page; a few may be under way at once,
 * and any more are answered 503. Whatever happens in a scrape ends in its response: no promise is left to reject.
 */
export class Scrapes {
  readonly #page: Page
  readonly #maxSilence: number
  readonly #renderings = new Map<PageFormat, Rendering>()
  readonly #underWay = new Set<ServerResponse>()

  constructor(page: Page, maxSilence = MAX_SILENCE_MS) {
    this.#page = page
    this.#maxSilence = maxSilence
  }

  /** Answers with the page, whatever the path. Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendText(response, 405, 'Only GET and HEAD are answered here\n', { allow: 'GET, HEAD' })
    } else if (this.#admits(response)) {
      await this.#scrape(request, response)
    } else {
      sendText(response, 503, 'Too many scrapes at once; ask again\n', { 'retry-after': String(RETRY_AFTER) })
    }
  }

  #admits(response: ServerResponse): boolean {
    // A response that waited for others of its connection is not told when that closes.
    for (const other of this.#underWay) if (other.req.socket.destroyed) this.#underWay.delete(other)
    if (this.#underWay.size >= MAX_SCRAPES) return false
    this.#underWay.add(response)
    response.once('close', () => this.#underWay.delete(response))
    response.setTimeout(this.#maxSilence, () => response.destroy())
    return true
  }

  async #scrape({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { format, contentType } = negotiate(headers.accept)
    const zipped = acceptsGzip(headers['accept-encoding'])
    try {
      const rendering = this.#rendering(format)
      const body = await (zipped ? rendering.gzipped() : rendering.plain)
      send(response, 200, body, { 'content-type': contentType, ...(zipped && { 'content-encoding': 'gzip' }) })
    } catch (error) {
      diag.error('batchflow-otel: a scrape failed', error)
      sendText(response, 500, 'The metrics could not be collected; the log says why\n')
    }
  }

  #rendering(format: PageFormat): Rendering {
    const running = this.#renderings.get(format)
    if (running !== undefined) return running
    const rendering = new Rendering(this.#page(format))
    this.#renderings.set(format, rendering)
    const done = () => this.#renderings.delete(format)
    rendering.plain.then(done, done)
    return rendering
  }
}

export function sendText(response: ServerResponse, status: number, text: string, headers?: OutgoingHttpHeaders): void {
  send(response, status, Buffer.from(text), { 'content-type': 'text/plain; charset=utf-8', ...headers })
}

function send(response: ServerResponse, status: number, body: Buffer, headers: OutgoingHttpHeaders): void {
  const all = { 'content-length': body.byteLength, vary: 'Accept, Accept-Encoding', ...headers }
  response.writeHead(status, all).end(body)
}
