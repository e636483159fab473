import { OptionError } from '../contract/errors.ts'

export interface EndpointOptions {
  /** TCP port, 0 to 65535; 0 finds a free one. @default 9464 */
  readonly port?: number | undefined
  /**
   * Address to listen on. The default is reached from this machine only, as the OpenTelemetry specification has it: the
   * page needs no password and names your tables. In a container, where Prometheus is another machine, it must be
   * `'0.0.0.0'` (or `'::'`).
   *
   * @default '127.0.0.1'
   */
  readonly host?: string | undefined
  /** Whether a process that has nothing else to do may exit while the server listens. @default true */
  readonly unref?: boolean | undefined
}

/** Where a metrics page is. */
export interface EndpointAddress {
  /** To be opened on this machine: `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  /** The port listened on. */
  readonly port: number
}

export interface ValidEndpointOptions {
  readonly port: number
  readonly host: string
  readonly unref: boolean
}

/** @throws {OptionError} naming the option of `owner` and the value it received */
export function validEndpoint(owner: string, options: EndpointOptions): ValidEndpointOptions {
  const { port = 9464, host = '127.0.0.1', unref = true } = options
  const check = (ok: boolean, option: string, wanted: string, value: unknown) => {
    if (!ok) throw new OptionError(`${owner}: ${option} must be ${wanted}, received ${String(value) || '""'}`)
  }
  check(Number.isInteger(port) && port >= 0 && port <= 65535, 'port', 'an integer from 0 to 65535', port)
  check(typeof host === 'string' && host !== '', 'host', 'a host name or address', host)
  check(typeof unref === 'boolean', 'unref', 'true or false', unref)
  return { port, host, unref }
}

/** An address that means "every interface" cannot be opened; an IPv6 one needs brackets in a URL. */
export function pageUrl(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}/metrics`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`
}
