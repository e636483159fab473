import type { Server } from 'node:http'

/**
 * Takes no more connections, and resolves when the requests under way are answered. (Fastify's `app.close()` does all of this.)
 */
export async function stopServing(server: Server): Promise<void> {
  dismiss(server)
  await server[Symbol.asyncDispose]()
}

/**
 * From now on connections end with their answer. Kept alive for another request, as clients like them, each would hold a server
 * that is to stop for five seconds and more.
 */
export function dismiss(server: Server): void {
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'))
  const idle = setInterval(() => server.closeIdleConnections(), 100)
  server.once('close', () => clearInterval(idle))
}
