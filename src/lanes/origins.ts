import type { SpanContext } from '@opentelemetry/api'

/** So few are looked through one by one. */
const FEW = 8
/** Slots looked at for one context; ids from elsewhere may be made to meet in one. */
const MAX_PROBES = 8

const NO_PLACES = new Int32Array(0)

/**
 * The origins of a batch's rows. Submitters are told apart as they come: when the batch leaves, their ids are no
 * longer in the processor's cache, and reading them all once more would take most of the time of starting its span.
 */
export class Origins {
  /** Distinct, in the order they first came. */
  readonly contexts: SpanContext[] = []
  /** Rows came from outside of any span. */
  orphans = false
  #last: SpanContext | undefined
  /**
   * Places in `contexts`, from 1, by the hash of the span id; 0 is free. A map keyed by strings, made for each batch and
   * thrown away, takes four times as long.
   */
  #places = NO_PLACES
  /** Ids of all of them, once ids met in one slot too often for the table. */
  #crowded: Set<string> | undefined

  add(context: SpanContext | undefined): void {
    if (context === undefined) this.orphans = true
    else if (context !== this.#last) {
      this.#last = context
      if (typeof context.spanId === 'string' && typeof context.traceId === 'string') this.#admit(context)
      else this.orphans = true
    }
  }

  addAll(other: Origins): void {
    this.orphans ||= other.orphans
    for (const context of other.contexts) this.add(context)
  }

  #admit(context: SpanContext): void {
    const { contexts } = this
    if (this.#crowded !== undefined) this.#admitToCrowd(this.#crowded, context)
    else if (contexts.length < FEW) {
      if (!contexts.some((known) => isSame(known, context))) contexts.push(context)
    } else {
      if (contexts.length * 2 > this.#places.length) this.#grow()
      const slot = this.#slotOf(context)
      if (slot === undefined) this.#admitToCrowd((this.#crowded = new Set(contexts.map(idOf))), context)
      else if (this.#places[slot] === 0) this.#places[slot] = contexts.push(context)
    }
  }

  #admitToCrowd(known: Set<string>, context: SpanContext): void {
    const { size } = known
    known.add(idOf(context))
    if (known.size > size) this.contexts.push(context)
  }

  #grow(): void {
    this.#places = new Int32Array(Math.max(128, this.#places.length * 4))
    for (let i = 0; i < this.contexts.length; i++) {
      const slot = this.#slotOf(this.contexts[i]!)
      if (slot !== undefined) this.#places[slot] = i + 1
    }
  }

  /** The slot the context is in, or may be put in; `undefined`: too many met there. */
  #slotOf(context: SpanContext): number | undefined {
    const mask = this.#places.length - 1
    let slot = hashOf(context.spanId) & mask
    for (let probes = 0; probes < MAX_PROBES; probes++) {
      const place = this.#places[slot]!
      if (place === 0 || isSame(this.contexts[place - 1]!, context)) return slot
      slot = (slot + 1) & mask
    }
    return undefined
  }
}

function idOf({ traceId, spanId }: SpanContext): string {
  return traceId + spanId
}

function isSame(one: SpanContext, other: SpanContext): boolean {
  return one.spanId === other.spanId && one.traceId === other.traceId
}

function hashOf(id: string): number {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0
  return hash
}
