import type { IncomingMessage, ServerResponse } from 'node:http'
import { implementing, number, type OptionsOf, optional, parse } from '../support/validate.ts'
import type { BatchFlow } from './batch-flow.ts'
import { HealthCheck } from './health-check.ts'

export interface HealthOptions {
  /**
   * A flow is stuck, and not live, when it has rows that are not settled and settles none for so long, in ms, while no outage
   * explains it. `Infinity`: never. Found out by looking, so a probe has to come now and then. @default 300000
   */
  readonly stuckAfter?: number
}

const HEALTH = {
  stuckAfter: optional(number(1, Number.POSITIVE_INFINITY), 300_000),
} satisfies OptionsOf<HealthOptions>

const isFlow = implementing<Pick<BatchFlow, 'stats'>>('a BatchFlow', 'stats')

/**
 * Answers probes, as a listener of `node:http`: `GET /livez` and `GET /readyz`, and for both at once the path that ends with
 * `/`; any of them under any path. 200 when all flows are so, else 503; the body is JSON and says why. A flow is **ready**
 * while it accepts rows: open, and not full; so it is during an outage while there is room. It is **live** unless it is stuck.
 *
 * @throws {OptionError} naming the option, the value received and what is allowed
 */
export function healthHandler(
  flows: Pick<BatchFlow, 'stats'> | readonly Pick<BatchFlow, 'stats'>[],
  options: HealthOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const { stuckAfter } = parse('healthHandler', HEALTH, options)
  const checks = [flows].flat().map((flow) => new HealthCheck(isFlow('healthHandler: flows', flow), stuckAfter))
  return (request, response) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const asked = QUESTIONS.get(lastSegment(request.url ?? '/'))
    if (asked === undefined) return answer(response, 404, NOT_FOUND)
    if (!isRead) return answer(response, 405, { status: 'method not allowed' }, { allow: 'GET, HEAD' })
    const seen = checks.map((check) => check.look())
    const isWell = seen.every((flow) => asked.every((what) => flow[what]))
    const body = { status: isWell ? 'ok' : 'unavailable', flows: seen }
    answer(response, isWell ? 200 : 503, body, {}, request.method === 'HEAD')
  }
}

const QUESTIONS: ReadonlyMap<string, readonly ('live' | 'ready')[]> = new Map([
  ['livez', ['live']],
  ['readyz', ['ready']],
  ['', ['live', 'ready']],
])

const NOT_FOUND = { status: 'not found', hint: 'ask for livez, for readyz, or, for both, by a path that ends with /' }

function lastSegment(url: string): string {
  const [path = ''] = url.split('?', 1)
  return path.slice(path.lastIndexOf('/') + 1)
}

function answer(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
  isHead = false,
): void {
  const json = Buffer.from(JSON.stringify(body))
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': json.length,
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(isHead ? undefined : json)
}
