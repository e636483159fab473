/**
 * Kafka's own hash of a key: MurmurHash2 (seed 0x9747b28c) of its bytes, as in `org.apache.kafka.common.utils.Utils`; as a
 * number of 31 bits, as its default partitioner takes it.
 */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  let hash = 0x9747b28c ^ length
  let i = 0
  for (; i + 4 <= length; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    hash = Math.imul(hash, FACTOR) ^ scrambled(word)
  }
  if (i < length) hash = Math.imul(hash ^ tail(bytes, i), FACTOR)
  hash = Math.imul(hash ^ (hash >>> 13), FACTOR)
  return (hash ^ (hash >>> 15)) & 0x7fffffff
}

/** The partition that the default partitioner of any client in any language chooses for this key. */
export function partitionOfKey(key: string, count: number): number {
  return murmur2(Buffer.from(key)) % count
}

function scrambled(word: number): number {
  const mixed = Math.imul(word, FACTOR)
  return Math.imul(mixed ^ (mixed >>> 24), FACTOR)
}

function tail(bytes: Uint8Array, from: number): number {
  let word = 0
  for (let i = bytes.length - 1; i >= from; i--) word = (word << 8) | bytes[i]!
  return word
}

const FACTOR = 0x5bd1e995
