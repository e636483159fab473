import { type Check, refuse } from '../../support/validate.ts'

/** A name of a stream, consumer or group as JetStream takes it, and as it fits into a subject. */
export const jetStreamName: Check<string> = (name, value) =>
  typeof value === 'string' && /^[\w-]{1,64}$/.test(value)
    ? value
    : refuse(name, 'a name of letters, digits, _ and -, 64 at most', value)

/** A subject without wildcards. */
export const subjectName: Check<string> = (name, value) =>
  typeof value === 'string' && /^[^\s.*>]+(?:\.[^\s.*>]+)*$/.test(value)
    ? value
    : refuse(name, 'a subject without wildcards, such as "orders" or "shop.orders"', value)

/** Partitions are `0`, `1`, … */
export const partitionsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index))

export const subjectOf = (subject: string, partition: string | number): string => `${subject}.${partition}`

/** What the names of a partition's consumers begin with. */
export const consumerName = (group: string, subject: string, partition: string): string =>
  `${group}-${subject.replaceAll('.', '_')}-${partition}`

/** Whether `pattern`, as a stream has it, takes `subject`. */
export function takes(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const tokens = subject.split('.')
  if (wanted.at(-1) === '>') return tokens.length >= wanted.length && matches(wanted.slice(0, -1), tokens)
  return tokens.length === wanted.length && matches(wanted, tokens)
}

function matches(wanted: readonly string[], tokens: readonly string[]): boolean {
  return wanted.every((token, index) => token === '*' || token === tokens[index])
}
