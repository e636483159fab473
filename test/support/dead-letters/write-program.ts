/** Writes letters of users, one after the other: `path first count`. */
import { deadLetterFile } from '../../../src/dead-letters/dead-letter-file.ts'
import { letter } from './files.ts'

const [path, first, count] = process.argv.slice(2) as [string, string, string]
const file = deadLetterFile(path, { maxBytes: 20_000, fsync: false })
for (let i = 0; i < Number(count); i++) await file([letter(Number(first) + i)])
