import { suite } from 'uvu'
import { needed, servers } from '../../support/servers/servers.ts'
import { redis } from './backends/redis.ts'
import { FAULT_CASES } from './cases/index.ts'
import { register } from './register.ts'

needed(await servers.redisProgram()) // its faults are made on servers of their own
const conformance = suite('faults of redis')
await register(redis, conformance, FAULT_CASES)
conformance.run()
