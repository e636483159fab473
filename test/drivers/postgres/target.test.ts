import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { targetOf } from '../../../src/drivers/postgres/target.ts'

const test = suite('target of a pool')

test('from a connection string, without its user and password', () => {
  const pool = new pg.Pool({ connectionString: 'postgres://ann:secret@db.example.org:5433/shop%20x?sslmode=disable' })
  assert.equal(targetOf(pool, {}), { address: 'db.example.org', port: 5433, namespace: 'shop x' })
})

test('from options, else from the variables of libpq, else the defaults', () => {
  assert.equal(targetOf(new pg.Pool({ host: 'db', port: 1, database: 'shop' }), { PGHOST: 'other' }), {
    address: 'db',
    port: 1,
    namespace: 'shop',
  })
  const env = { PGHOST: 'db', PGPORT: '2', PGDATABASE: 'shop' }
  assert.equal(targetOf(new pg.Pool(), env), { address: 'db', port: 2, namespace: 'shop' })
  assert.equal(targetOf(new pg.Pool(), {}), { address: 'localhost', port: 5432, namespace: undefined })
})

test('from a socket directory', () => {
  const pool = new pg.Pool({ connectionString: '/var/run/postgresql shop' })
  assert.is(targetOf(pool, {}).address, 'localhost')
  assert.is(targetOf(new pg.Pool({ host: '/var/run/postgresql' }), {}).address, '/var/run/postgresql')
})

test('never fails on what it does not know', () => {
  const odd = { connectionString: 'postgres://%zz@h/%E0%A4%A' }
  assert.ok(targetOf({ connect: () => assert.unreachable(), options: odd } as never, {}))
})

test.run()
