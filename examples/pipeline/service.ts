import { createServer, type IncomingMessage, type Server } from 'node:http'
import { healthHandler } from 'batchflow-otel'
import type { Publisher } from 'batchflow-otel/redis-streams'
import { type Order, orders, views } from './tables.ts'

/** Answers 202 once the log has the row: from then on no crash of this process, of a worker or of the database loses it. */
export function createService(publisher: Publisher): Server {
  const health = healthHandler(publisher)
  return createServer((request, response) => {
    if (request.method === 'GET') return health(request, response)
    publish(publisher, request).then(
      (status) => response.writeHead(status).end(),
      (error) => response.writeHead(503).end(String(error)),
    )
  })
}

async function publish(publisher: Publisher, request: IncomingMessage): Promise<number> {
  const body = await jsonOf(request)
  if (body === undefined) return 400
  switch (`${request.method} ${request.url}`) {
    case 'POST /views':
      if (typeof body['product'] !== 'string') return 400
      await publisher.publish(views, { product: body['product'], at: new Date() })
      return 202
    case 'POST /orders':
      if (!isOrder(body)) return 400
      await publisher.publish(orders, body)
      return 202
    default:
      return 404
  }
}

function isOrder(body: object): body is Order {
  const { id, product, quantity } = body as Record<string, unknown>
  return typeof id === 'string' && typeof product === 'string' && Number.isInteger(quantity)
}

async function jsonOf(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  let text = ''
  for await (const chunk of request) text += chunk
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
