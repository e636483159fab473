import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../../../examples/shared/free-port.ts'
import { type GuardedProcess, spawnGuarded } from '../../../examples/shared/guarded-process.ts'
import { type Probe, probeMysql, probeNats, probePostgres, probeRedis } from './probes.ts'

export interface PrivateServer {
  readonly url: string
  /** The server's process, to halt it and let it go on. */
  readonly pid: number
  /** Ends it without a chance to tidy up. */
  crash(): Promise<void>
  /** Starts it again after a crash, on the same port and data. */
  start(): Promise<void>
  remove(): Promise<void>
}

const run = promisify(execFile)

/** @param program path of `mariadbd` or `mysqld` */
export async function bootMysql(program: string): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-mysql-'))
  const data = join(folder, 'data')
  const common = ['--no-defaults', `--datadir=${data}`, ...(process.getuid?.() === 0 ? ['--user=root'] : [])]
  if (basename(program) === 'mariadbd') {
    const install = join(dirname(program).replace(/sbin$/, 'bin'), 'mariadb-install-db')
    await run(install, [...common, '--auth-root-authentication-method=normal', '--skip-test-db'])
  } else {
    await run(program, [...common, '--initialize-insecure'])
  }
  const init = join(folder, 'init.sql')
  writeFileSync(init, 'CREATE DATABASE IF NOT EXISTS test;\n')
  const port = await freePort()
  const args = [...common, `--port=${port}`, '--bind-address=127.0.0.1', `--init-file=${init}`]
  args.push(`--socket=${join(folder, 'socket')}`, `--pid-file=${join(folder, 'pid')}`)
  return launch(`mysql://root@127.0.0.1:${port}/test`, probeMysql, folder, program, args)
}

/** @param program path of `redis-server` */
export async function bootRedis(program: string): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-redis-'))
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  return launch(`redis://127.0.0.1:${port}`, probeRedis, folder, program, args)
}

/** With JetStream. @param program path of `nats-server` */
export async function bootNats(program: string): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-nats-'))
  const port = await freePort()
  const args = ['--jetstream', '--store_dir', join(folder, 'store'), '--addr', '127.0.0.1', '--port', String(port)]
  return launch(`nats://127.0.0.1:${port}`, probeNats, folder, program, args)
}

/** @param target a PostgreSQL server. In transaction mode, with fewer connections to it than clients are likely to want. */
export async function bootPgbouncer(program: string, target: string): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-pgbouncer-'))
  const { hostname, port, username, password, pathname } = new URL(target)
  const login = password === '' ? '' : ` password='${decodeURIComponent(password)}'`
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: await freePort(),
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 3,
    max_client_conn: 100,
    ignore_startup_parameters: 'extra_float_digits',
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const database = `* = host=${hostname} port=${port || 5432} user='${decodeURIComponent(username)}'${login}`
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(file, ['[databases]', database, '[pgbouncer]', ...lines, ''].join('\n'))
  const args = process.getuid?.() === 0 ? ['-u', 'nobody', file] : [file] // it refuses to be root
  const url = `postgres://postgres@127.0.0.1:${settings.listen_port}${pathname}`
  return launch(url, probePostgres, folder, program, args)
}

async function launch(
  url: string,
  probe: Probe,
  folder: string,
  program: string,
  args: string[],
): Promise<PrivateServer> {
  const log = join(folder, 'log')
  let server: GuardedProcess | undefined
  const remove = async () => {
    await server?.stop()
    server?.release()
    await rm(folder, { recursive: true, force: true })
  }
  const start = async () => {
    const before = server
    server = spawnGuarded({ command: program, args, folder, log, stopSignal: 'SIGTERM' })
    before?.release()
    if (await answersInTime(url, probe, server)) return
    const lines = readFileSync(log, 'utf8').slice(-2000)
    await remove()
    throw new Error(`${basename(program)} did not start:\n${lines}`)
  }
  await start()
  return {
    url,
    get pid() {
      return server?.pid ?? 0
    },
    start,
    crash: async () => server?.stop('SIGKILL'),
    remove,
  }
}

async function answersInTime(url: string, probe: Probe, server: GuardedProcess): Promise<boolean> {
  const deadline = Date.now() + 30_000
  while (server.running && Date.now() < deadline) {
    if ((await probe(url)) !== undefined) return true
    await sleep(20)
  }
  return false
}
