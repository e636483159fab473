import { type BatchFlow, type CloseOptions, healthHandler } from 'batchflow-otel'
import plugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    readonly flow: BatchFlow
  }
}

export interface BatchFlowPluginOptions extends CloseOptions {
  readonly flow: BatchFlow
  /** Path under which probes are answered. @default '/health' */
  readonly health?: string
}

/**
 * Makes a flow `app.flow`, answers probes at `/health/livez` and `/health/readyz`, and closes the flow with the app: Fastify calls
 * `onClose` when the requests under way are answered, so that none of them finds it closed.
 */
export const batchFlow = plugin<BatchFlowPluginOptions>(
  async (app, { flow, health = '/health', timeout }) => {
    app.decorate('flow', flow)
    app.addHook('onClose', async () => {
      await flow.close(timeout === undefined ? {} : { timeout })
    })

    const answer = healthHandler(flow)
    app.get(`${health}/*`, { logLevel: 'warn' }, (request, reply) => {
      reply.hijack()
      answer(request.raw, reply.raw)
    })
  },
  { name: 'batchflow', fastify: '5.x' },
)
