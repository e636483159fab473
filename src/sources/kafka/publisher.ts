import type { CloseOptions } from '../../flow/lifecycle.ts'
import type { CloseSummary } from '../../flow/outcomes.ts'
import { Publisher } from '../kit/publisher.ts'
import type { PublisherOptions } from '../kit/publisher-options.ts'
import type { KafkaProducer } from './client.ts'
import { KafkaLog, type KafkaLogOptions } from './kafka-log.ts'

/** Its producer is its own, and ends with it. */
export class KafkaPublisher extends Publisher {
  readonly #producer: KafkaProducer

  constructor(log: KafkaLogOptions, options: PublisherOptions) {
    super(new KafkaLog(log), options)
    this.#producer = log.producer
  }

  override async close(options?: CloseOptions): Promise<CloseSummary> {
    const summary = await super.close(options)
    await this.#producer.close()
    return summary
  }
}
