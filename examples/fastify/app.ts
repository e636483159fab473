import type { BatchFlow } from 'batchflow-otel'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { type Order, orders, statusOf, views } from '../shared/shop.ts'
import { batchFlow } from './plugin.ts'

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
  app.register(batchFlow, { flow })

  app.post<{ Body: { product: string } }>('/views', { schema: { body: view } }, async ({ body }, reply) => {
    await app.flow.submit(views, { product: body.product, at: new Date() })
    return reply.code(202).send()
  })

  app.post<{ Body: Order }>('/orders', { schema: { body: order } }, async ({ body }, reply) => {
    const { id, product, quantity } = body
    const { traceId, spanId } = await app.flow.write(orders, { id, product, quantity })
    return reply.code(201).send({ batch: { traceId, spanId } })
  })

  app.setErrorHandler((error: FastifyError, _request, reply) => {
    if (error.validation !== undefined) return reply.send(error)
    return reply.code(statusOf(error)).send({ error: error.message })
  })
  return app
}
