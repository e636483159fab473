import type { NatsConnection, Status } from '@nats-io/transport-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DisconnectedError } from '../../../src/sources/nats/errors.ts'
import { endingRequests } from '../../../src/sources/nats/link.ts'
import { thrownBy } from '../../support/assertions.ts'

const test = suite('nats: link')

/** A connection that answers, and is lost, when it is told. */
class Wire {
  answer = (_: string): void => undefined
  readonly #listeners = new Set<(status: Status) => void>()

  get listeners(): number {
    return this.#listeners.size
  }

  isClosed(): boolean {
    return false
  }

  request(): Promise<unknown> {
    return new Promise((resolve) => (this.answer = resolve))
  }

  lose(): void {
    for (const tell of this.#listeners) tell({ type: 'disconnect', server: '' })
  }

  status() {
    const { promise, tell } = Wire.#once()
    this.#listeners.add(tell)
    const stop = () => this.#listeners.delete(tell)
    return {
      stop,
      async *[Symbol.asyncIterator]() {
        yield await promise
      },
    }
  }

  static #once() {
    let tell!: (status: Status) => void
    const promise = new Promise<Status>((resolve) => (tell = resolve))
    return { promise, tell }
  }
}

test('a request ends with its answer, or with the connection it was sent over', async () => {
  const wire = new Wire()
  const connection = endingRequests(wire as unknown as NatsConnection)
  const answered = connection.request('a')
  wire.answer('yes')
  assert.is(await answered, 'yes')
  const lost = thrownBy(() => connection.request('b'))
  await new Promise(setImmediate)
  wire.lose()
  assert.instance(await lost, DisconnectedError)
  assert.is(wire.listeners, 0)
  assert.is(connection.isClosed(), false)
})

test.run()
