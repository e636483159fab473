import { suite } from 'uvu'
import { redisCluster } from './backends/redis.ts'
import { CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('redis cluster')
await register(redisCluster, conformance, CASES)
conformance.run()
