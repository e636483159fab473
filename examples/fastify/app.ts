import { type BatchFlow, defineTable, healthHandler, RowFailedError } from 'batchflow-otel'
import Fastify, { type FastifyInstance } from 'fastify'

interface View {
  readonly product: string
  readonly at: Date
}

interface Order {
  readonly id: string
  readonly product: string
  readonly quantity: number
}

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS views (product text NOT NULL, at timestamptz NOT NULL);
  CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, product text NOT NULL, quantity integer NOT NULL)`

const views = defineTable<View>('views', { columns: ['product', 'at'] })
const orders = defineTable<Order>('orders', { columns: ['id', 'product', 'quantity'] })

const view = { type: 'object', required: ['product'], properties: { product: { type: 'string' } } }
const order = {
  type: 'object',
  required: ['id', 'product', 'quantity'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    product: { type: 'string' },
    quantity: { type: 'integer', minimum: 1, maximum: 1000 },
  },
}

/** The caller of one endpoint goes on as soon as the row is accepted, that of the other once it is committed. */
export function createApp(flow: BatchFlow): FastifyInstance {
  const app = Fastify()

  app.post<{ Body: { product: string } }>('/views', { schema: { body: view } }, async ({ body }, reply) => {
    await flow.submit(views, { product: body.product, at: new Date() })
    return reply.code(202).send()
  })

  app.post<{ Body: Order }>('/orders', { schema: { body: order } }, async ({ body }, reply) => {
    const { id, product, quantity } = body
    const { traceId, spanId } = await flow.write(orders, { id, product, quantity })
    return reply.code(201).send({ batch: { traceId, spanId } })
  })

  const health = healthHandler(flow)
  app.get('/health/*', (request, reply) => {
    reply.hijack()
    health(request.raw, reply.raw)
  })

  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof RowFailedError && error.reason === 'duplicate_key') {
      return reply.code(409).send({ error: 'there is such an order already' })
    }
    return reply.send(error)
  })
  return app
}
