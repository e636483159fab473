import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const PRODUCTS = ['tea', 'coffee', 'cocoa', 'mate', 'chai']

/** Ten times a second as many requests as make up `rate` a second, one order in ten; resolves when all are answered. */
export async function visit(origin: string, rate: number, stop: AbortSignal): Promise<void> {
  const open = new Set<Promise<unknown>>()
  for (let due = 0; rate > 0 && !stop.aborted; due += rate / 10) {
    for (; due >= 1; due--) {
      const answered = request(origin).finally(() => open.delete(answered))
      open.add(answered)
    }
    await sleep(100, undefined, { signal: stop }).catch(() => {})
  }
  await Promise.all(open)
}

async function request(origin: string): Promise<void> {
  const product = PRODUCTS[Math.floor(Math.random() * PRODUCTS.length)]!
  const isOrder = Math.random() < 0.1
  const body = isOrder ? { id: randomUUID(), product, quantity: 1 + Math.floor(Math.random() * 5) } : { product }
  const headers = { 'content-type': 'application/json' }
  const url = `${origin}/${isOrder ? 'orders' : 'views'}`
  try {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    await response.arrayBuffer()
    if (!response.ok) console.error(`${url}: ${response.status}`)
  } catch (error) {
    console.error(String(error))
  }
}
