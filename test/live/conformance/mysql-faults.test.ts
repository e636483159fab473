import { suite } from 'uvu'
import { mysql } from './backends/mysql.ts'
import { FAULT_CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('faults of mysql')
await register(mysql, conformance, FAULT_CASES)
conformance.run()
