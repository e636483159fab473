import { suite } from 'uvu'
import { redis } from './backends/redis.ts'
import { CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('redis')
await register(redis, conformance, CASES)
conformance.run()
