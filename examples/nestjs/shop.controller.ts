import { Body, Controller, HttpCode, HttpException, Inject, Post } from '@nestjs/common'
import { BatchFlow } from 'batchflow-otel'
import { type Order, orders, statusOf, type View, views } from '../shared/shop.ts'

@Controller()
export class ShopController {
  readonly #flow: BatchFlow

  constructor(@Inject(BatchFlow) flow: BatchFlow) {
    this.#flow = flow
  }

  /** Answered when the row is accepted. */
  @Post('views')
  @HttpCode(202)
  async view(@Body() { product }: View): Promise<void> {
    await this.#flow.submit(views, { product, at: new Date() }).catch(refuse)
  }

  /** Answered when the row is committed. */
  @Post('orders')
  async order(@Body() { id, product, quantity }: Order): Promise<void> {
    await this.#flow.write(orders, { id, product, quantity }).catch(refuse)
  }
}

function refuse(error: unknown): never {
  throw new HttpException(String(error), statusOf(error))
}
