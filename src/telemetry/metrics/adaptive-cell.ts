import type { Attributes } from '@opentelemetry/api'
import type { AdaptiveProbe } from '../../contract/metrics-reporter.ts'

/** The flows of one set of attributes that find their settings by themselves. */
export class AdaptiveCell {
  readonly attributes: Attributes
  /** The largest of theirs: sizes do not add up. */
  flushSize = 0
  /** Of all together. */
  concurrency = 0

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  clear(): void {
    this.flushSize = this.concurrency = 0
  }

  add({ flushSize, concurrency }: AdaptiveProbe): void {
    this.flushSize = Math.max(this.flushSize, flushSize)
    this.concurrency += concurrency
  }
}
