import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectionAttributes } from '../../src/telemetry/connection-attributes.ts'

const test = suite('attributes of a connection')

test('the database in the words of the conventions, and where it is, as far as that is known', () => {
  assert.equal(connectionAttributes('postgres', { namespace: 'shop', address: 'db.example.org', port: 5432 }), {
    'db.system.name': 'postgresql',
    'db.namespace': 'shop',
    'server.address': 'db.example.org',
    'server.port': 5432,
  })
  assert.equal(connectionAttributes('sqlite', {}), { 'db.system.name': 'sqlite' })
  assert.equal(connectionAttributes('sqlite', undefined), { 'db.system.name': 'sqlite' })
})

test.run()
