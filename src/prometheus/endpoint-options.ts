import { boolean, integer, type OptionsOf, optional, text } from '../support/validate.ts'
import { type LivePageOptions, livePage } from './live/page-options.ts'

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
  /**
   * Serves `/`, too: a page on which a browser draws what the dashboards show, from this process alone. It needs no
   * password either, and names tables and reasons; no value of a row is on it. While it is open it asks for the metrics
   * every two seconds.
   *
   * @default false
   */
  readonly page?: boolean | LivePageOptions | undefined
}

/** The address of a metrics page. */
export interface EndpointAddress {
  /** The address to open on this machine: `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  /** The port listened on. */
  readonly port: number
}

export const ENDPOINT = {
  port: optional(integer(0, 65_535), 9464),
  host: optional(text, '127.0.0.1'),
  unref: optional(boolean, true),
  page: optional(livePage, false),
} satisfies OptionsOf<EndpointOptions>

/** An address that means "every interface" cannot be opened; an IPv6 one needs brackets in a URL. */
export function pageUrl(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}/metrics`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`
}
