import { suite } from 'uvu'
import { redis } from './backends/redis.ts'
import { FAULT_CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('faults of redis')
await register(redis, conformance, FAULT_CASES)
conformance.run()
