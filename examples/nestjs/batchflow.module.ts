import {
  type BeforeApplicationShutdown,
  Controller,
  type DynamicModule,
  Get,
  Inject,
  Module,
  type OnApplicationShutdown,
  Req,
  Res,
} from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { BatchFlow, type CloseSummary, healthHandler } from 'batchflow-otel'
import type { Request, Response } from 'express'
import { dismiss } from '../shared/stop-serving.ts'

export interface BatchFlowModuleOptions {
  readonly flow: BatchFlow
  /** Called, and waited for, when the flow is closed: end the client of the database here. */
  readonly closed?: (summary: CloseSummary) => unknown
}

const CLOSED = Symbol('what is called when the flow is closed')

@Controller('health')
class HealthController {
  readonly #answer: ReturnType<typeof healthHandler>

  constructor(@Inject(BatchFlow) flow: BatchFlow) {
    this.#answer = healthHandler(flow)
  }

  @Get('*probe')
  probe(@Req() request: Request, @Res() response: Response): void {
    this.#answer(request, response)
  }
}

/**
 * Has `BatchFlow` injected wherever it is asked for, answers probes at `/health/livez` and `/health/readyz`, and closes the flow
 * when the application shuts down, which is when Nest's server has answered its requests. With signals it does so after
 * `app.enableShutdownHooks()`.
 */
@Module({})
export class BatchFlowModule implements BeforeApplicationShutdown, OnApplicationShutdown {
  static forRoot({ flow, closed = () => undefined }: BatchFlowModuleOptions): DynamicModule {
    return {
      module: BatchFlowModule,
      global: true,
      controllers: [HealthController],
      providers: [
        { provide: BatchFlow, useValue: flow },
        { provide: CLOSED, useValue: closed },
      ],
      exports: [BatchFlow],
    }
  }

  readonly #flow: BatchFlow
  readonly #closed: (summary: CloseSummary) => unknown
  readonly #host: HttpAdapterHost

  constructor(
    @Inject(BatchFlow) flow: BatchFlow,
    @Inject(CLOSED) closed: (summary: CloseSummary) => unknown,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    this.#flow = flow
    this.#closed = closed
    this.#host = host
  }

  beforeApplicationShutdown(): void {
    dismiss(this.#host.httpAdapter.getHttpServer())
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#closed(await this.#flow.close())
  }
}
