import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { command, folder, start } from './command.ts'

const telemetry = suite('cli telemetry')
const place = folder()
const args = (...more: string[]) => ['load', '--to', join(place, 'a.db'), '-t', 'people', '--create', '-q', ...more]
const rows = (from: number, count: number) => Array.from({ length: count }, (_, i) => `{"id":${from + i}}\n`).join('')

telemetry('the page is served while a load goes on, and tail follows it in plain lines', async () => {
  const { child, ended } = start(
    ['load', ...args('--metrics-port', '0', '--format', 'ndjson', '-').slice(1)].filter((arg) => arg !== '-q'),
  )
  let said = ''
  child.stdin!.write(rows(0, 20_000))
  const url = await new Promise<string>((resolve) =>
    child.stderr!.on('data', (text: string) => {
      said += text
      const found = /metrics: (http:\S+)/.exec(said)
      if (found !== null) resolve(found[1]!)
    }),
  )
  const page = async () => await (await fetch(url)).text()
  while (!/batchflow_records_total\{[^}]*status="success"[^}]*\} [1-9]/.test(await page())) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { code, stdout, stderr } = await command(['tail', url, '--interval', '0.1', '--count', '2'])
  child.stdin!.end()
  assert.is(code, 0, stderr)
  assert.is(
    stdout.match(/^people {14} {2}[\d,]+ rows\/s {2}queue \d+ {2}p95 (?:–|[\d.]+ ms) {2}failed 0$/gm)?.length,
    2,
    stdout,
  )
  assert.not.match(stdout, '\u001b')
  assert.is((await ended).code, 0)
})

telemetry('--otlp sends to a collector, the last of it at the end', async () => {
  const bodies: Buffer[] = []
  const server = createServer(async (request, response) => {
    bodies.push(Buffer.concat(await request.toArray()))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`
  const { code, stderr } = await command(args('--otlp', url, '--format', 'ndjson', '-'), rows(30_000, 10))
  server.close()
  server.closeAllConnections()
  assert.is(code, 0, stderr)
  assert.ok(
    bodies.some((body) => body.includes('batchflow.records')),
    `${bodies.length} requests`,
  )
})

telemetry('a page that is none of ours is told', async () => {
  const { code, stderr } = await command(['tail', 'http://127.0.0.1:1/metrics'])
  assert.is(code, 3)
  assert.match(stderr, 'http://127.0.0.1:1/metrics cannot be read')
})

telemetry.run()
