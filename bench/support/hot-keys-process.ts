import { alone } from '../cases/hot-keys.ts'

const [url, rows] = process.argv.slice(2)
await alone(url!, Number(rows))
