import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PgConnection } from '../../../src/drivers/postgres/client.ts'
import { executeMessages, prepareMessages, queryMessage } from '../../../src/drivers/postgres/messages.ts'
import { WireQuery } from '../../../src/drivers/postgres/wire.ts'

const wire = suite('wire query')
const DATA = Buffer.from('data')
const PREPARATION = { name: 'p', text: 'SELECT 1' }

/** Stands in for pg's connection, to see what is written in which order; the live tests use the real one. */
function connection(writable = true): PgConnection & { written: string[] } {
  const written: string[] = []
  const stream = {
    writable,
    write: (bytes: Uint8Array, done?: () => void) => {
      written.push(Buffer.from(bytes).toString('latin1'))
      done?.()
      return true
    },
    cork: () => written.push('cork'),
    uncork: () => written.push('uncork'),
    destroy: () => undefined,
  }
  return { stream, written }
}

function query(preparations = [PREPARATION], events: unknown[] = []): WireQuery {
  return new WireQuery({
    text: 'SELECT 1',
    preparations,
    messages: DATA,
    written: () => events.push('written'),
    done: (error) => events.push(error ?? 'done'),
  })
}

wire('prepares a statement once per connection', () => {
  const first = connection()
  const prepare = prepareMessages(PREPARATION).toString('latin1')
  for (const expected of [
    ['cork', prepare, 'data', 'uncork'],
    ['cork', 'data', 'uncork'],
  ]) {
    const one = query()
    assert.is(one.submit(first), undefined)
    one.handleReadyForQuery()
    assert.equal(first.written.splice(0), expected)
  }
  const other = connection()
  query().submit(other)
  assert.ok(other.written.includes(prepare))
})

wire('prepares again after an error, and an unnamed statement always', () => {
  for (const [preparation, end] of [
    [PREPARATION, (one: WireQuery) => one.handleError(new Error('no'))],
    [{ ...PREPARATION, name: '' }, (one: WireQuery) => one.handleReadyForQuery()],
  ] as const) {
    const again = connection()
    for (let i = 0; i < 2; i++) {
      const one = query([preparation])
      one.submit(again)
      end(one)
      assert.ok(again.written.splice(0).includes(prepareMessages(preparation).toString('latin1')))
    }
  }
})

wire('tells of the socket and of the server', () => {
  const events: unknown[] = []
  const one = query([], events)
  assert.is(one.sent, false)
  one.submit(connection())
  assert.is(one.sent, true)
  one.handleReadyForQuery()
  const error = new Error('no')
  one.handleError(error)
  assert.equal(events, ['written', 'done', error])
})

wire('calls the callback that somebody wrapped', () => {
  const events: unknown[] = []
  const one = query([], events)
  assert.ok(Object.hasOwn(one, 'callback') && Object.hasOwn(one, 'text'), 'where instrumentations look for them')
  one.callback = () => events.push('wrapped')
  one.handleReadyForQuery()
  assert.equal(events, ['wrapped'])
})

wire('sends nothing over a connection that is closed, or when it is too late', () => {
  const late = query()
  late.forbid()
  for (const [one, over] of [
    [query(), connection(false)],
    [late, connection()],
  ] as const) {
    assert.is(one.submit(over)?.message, 'Connection terminated before the statement was sent')
    assert.equal([one.sent, over.written], [false, []])
  }
})

wire('messages are what the protocol says', () => {
  assert.equal([...queryMessage('é')], [0x51, 0, 0, 0, 7, 0xc3, 0xa9, 0])
  assert.is(prepareMessages(PREPARATION).toString('latin1'), 'C\0\0\0\x07Sp\0P\0\0\0\x11p\0SELECT 1\0\0\0')
  const execute = 'B\0\0\0\x0d\0p\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0'
  assert.is(executeMessages(PREPARATION).toString('latin1'), execute)
})

wire.run()
