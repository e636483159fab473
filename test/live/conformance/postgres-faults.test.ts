import { suite } from 'uvu'
import { postgres } from './backends/postgres.ts'
import { FAULT_CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('faults of postgres')
await register(postgres, conformance, FAULT_CASES)
conformance.run()
