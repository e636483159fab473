import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { diag } from '@opentelemetry/api'
import { sendText } from '../scrapes.ts'
import type { LivePageOptions } from './page-options.ts'

interface Rendered {
  readonly body: Buffer
  /** Nothing but the page's own script and style runs, and only the server it came from is asked. */
  readonly policy: string
}

/** The page that draws in the browser what `/metrics` tells. Nothing of it is loaded before it is asked for. */
export class LivePage {
  readonly #options: LivePageOptions
  #rendered: Promise<Rendered> | undefined

  constructor(options: LivePageOptions = {}) {
    this.#options = options
  }

  /** Answers GET and HEAD, whatever the path. Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendText(response, 405, 'Only GET and HEAD are answered here\n', { allow: 'GET, HEAD' })
      return
    }
    try {
      this.#rendered ??= render(this.#options)
      send(response, await this.#rendered)
    } catch (error) {
      diag.error('batchflow-otel: the live page could not be made', error)
      sendText(response, 500, 'The page could not be made; the log says why\n')
    }
  }
}

function send(response: ServerResponse, { body, policy }: Rendered): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': body.byteLength,
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  })
  response.end(body)
}

async function render(options: LivePageOptions): Promise<Rendered> {
  const { SCRIPT, STYLE } = await import('./bundle.generated.ts')
  const title = (options.title ?? 'BatchFlow').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  // As JSON with no `<` in it, it can neither end its element nor begin another one.
  const config = JSON.stringify(options).replaceAll('<', String.raw`\u003c`)
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<noscript>This page draws in the browser what <a href="metrics">the metrics</a> tell, which needs JavaScript.</noscript>
<script id="config" type="application/json">${config}</script>
<script>${SCRIPT}</script>
</body>
</html>
`
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(SCRIPT)}'`,
    `style-src '${hashOf(STYLE)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ')
  return { body: Buffer.from(body), policy }
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
