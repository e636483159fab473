import { suite } from 'uvu'
import { mysql } from './backends/mysql.ts'
import { CASES } from './cases/index.ts'
import { register } from './register.ts'

const conformance = suite('mysql')
await register(mysql, conformance, CASES)
conformance.run()
