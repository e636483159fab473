import { suite } from 'uvu'
import { postgres } from './backends/postgres.ts'
import { CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('postgres')
await register(postgres, conformance, CASES)
conformance.run()
