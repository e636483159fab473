import { createHash } from 'node:crypto'

/** Recognises an operation in logs and previews by its text: 16 hexadecimal digits, the same in every process. */
export function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
