const OPEN = 0x7b
const CLOSE = 0x7d

/** CRC16-CCITT, the XMODEM variant: polynomial 0x1021, initial value 0 (Redis cluster specification, appendix A). */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc
})

/** The hash slot of the key at `start` to `end`: of what is between its first `{` and the next `}`, if anything is. */
export function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const open = find(bytes, OPEN, start, end)
  const close = open === end ? end : find(bytes, CLOSE, open + 1, end)
  const tagged = close !== end && close > open + 1
  return tagged ? crc16(bytes, open + 1, close) & 0x3fff : crc16(bytes, start, end) & 0x3fff
}

function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ bytes[i]!]!
  return crc
}

function find(bytes: Uint8Array, byte: number, start: number, end: number): number {
  let at = start
  while (at < end && bytes[at] !== byte) at++
  return at
}
