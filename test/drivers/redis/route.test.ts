import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { redirectionIn } from '../../../src/drivers/redis/route.ts'
import { unconnected } from '../../support/databases/redis-commands.ts'

const from = { ...unconnected(), options: { host: 'proxy', port: 7000 } }
const natMap = { '10.0.0.1:6381': { host: 'proxy', port: 7001 } }

function addressIn(message: string, map?: Parameters<typeof redirectionIn>[2]): string | undefined {
  return redirectionIn(new Error(message), from, map)?.address
}

test('a redirection says where to go, and for how long', () => {
  assert.equal(redirectionIn(new Error('MOVED 1234 10.0.0.1:6381'), from, undefined), {
    asking: false,
    address: '10.0.0.1:6381',
  })
  assert.is(redirectionIn(new Error('ASK 1234 10.0.0.1:6381'), from, undefined)?.asking, true)
  assert.is(addressIn('MOVED 1234 fe80::1:6381'), 'fe80::1:6381')
  for (const other of ['TRYAGAIN', 'ERR MOVED 1 a:1', 'MOVED 1']) assert.is(addressIn(other), undefined)
  assert.is(redirectionIn('MOVED 1234 10.0.0.1:6381', from, undefined), undefined)
})

test('a natMap, as an object or a function, says where that is reached from here', () => {
  assert.is(addressIn('MOVED 1234 10.0.0.1:6381', natMap), 'proxy:7001')
  assert.is(addressIn('ASK 1234 10.0.0.2:6381', natMap), '10.0.0.2:6381')
  const asked: string[] = []
  const map = (address: string) => {
    asked.push(address)
    return address === '10.0.0.1:6381' ? { host: 'mapped', port: 1 } : null
  }
  assert.is(addressIn('ASK 1234 10.0.0.1:6381', map), 'mapped:1')
  assert.is(addressIn('MOVED 1234 10.0.0.2:6381', map), '10.0.0.2:6381')
  assert.equal(asked, ['10.0.0.1:6381', '10.0.0.2:6381'])
})

test('an empty host is the one that answered, as it is reached from here', () => {
  assert.is(addressIn('MOVED 1234 :6381'), 'proxy:6381')
  assert.is(addressIn('ASK 1234 :6381', natMap), 'proxy:6381')
})

test.run()
