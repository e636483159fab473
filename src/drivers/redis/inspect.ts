import type { Table } from '../../contract/table.ts'
import type { Finding, RightFacts, TableFacts } from '../../contract/table-facts.ts'
import { isCluster, type RedisClient, type RedisConnection } from './client.ts'
import { heard } from './connection.ts'
import { isReplyError } from './outcome.ts'
import { readyNode } from './ping.ts'

type Command = readonly [name: string, ...args: string[]]

/** What is known of a mapping ahead of any row. */
export interface Known {
  /** Why rows of the table cannot be mapped. */
  readonly refusal: string | undefined
  /** Rows go where they go by default: to hashes by their keys, or to a stream. */
  readonly isUsual: boolean
}

/** Redis has no tables that could be looked at: what remains is the server, the rights, and whether a stream is one. */
export async function inspectTable(
  client: RedisClient,
  table: Table,
  known: Known,
  signal: AbortSignal,
): Promise<TableFacts> {
  const node = await readyNode(client, signal)
  const ask: Ask = (...command) => heard(node, signal, node.call(...command)).catch(unlessRefused)
  const findings: Finding[] = [versionIn(await ask('INFO', 'server'))]
  if (known.refusal !== undefined)
    return { findings: [...findings, { about: 'table', ok: false, text: known.refusal }] }
  if (!known.isUsual) return { findings: [...findings, UNKNOWN] }
  if (table.keys.length > 0) findings.push(UNSEEN)
  else if (!isCluster(client)) findings.push(await streamIn(ask, table))
  const prefix = client.options.keyPrefix ?? ''
  return { findings, rights: await rights(ask, commandsOf(table, prefix + table.name)) }
}

/** `undefined`: the server does not say that to this user. */
type Ask = (...command: Parameters<RedisConnection['call']>) => Promise<unknown>

function unlessRefused(error: unknown): undefined {
  if (!isReplyError(error)) throw error
}

const UNKNOWN: Finding = {
  about: 'right',
  ok: undefined,
  text: 'which commands this mapping makes, and so which rights they take, shows with a row',
}

const UNSEEN: Finding = {
  about: 'table',
  ok: undefined,
  text: 'whether the keys of its rows hold hashes could not be told: each row has its own',
}

function versionIn(info: unknown): Finding {
  const version = /^redis_version:(\S+)/m.exec(String(info))?.[1]
  if (version === undefined)
    return { about: 'server', ok: undefined, text: 'which version this server is could not be told' }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const ok = major > 6 || (major === 6 && minor >= 2)
  const text = `Redis ${version}`
  return ok ? { about: 'server', ok, text } : { about: 'server', ok, text, remedy: 'it has to be 6.2 or later' }
}

async function streamIn(ask: Ask, { name }: Table): Promise<Finding> {
  const type = await ask('TYPE', name)
  if (type === undefined) return { about: 'table', ok: type, text: `what the key ${name} holds could not be told` }
  if (type === 'stream' || type === 'none')
    return { about: 'table', ok: true, text: `the key ${name} is a stream, or free` }
  const remedy = 'rows without conflict keys become entries of a stream: give the table another name, or a mapping'
  return { about: 'table', ok: false, text: `the key ${name} holds a ${String(type)}`, remedy }
}

/** What the usual mappings make of a row. */
function commandsOf(table: Table, key: string): readonly Command[] {
  const written = writtenOf(table, key)
  const isThere = table.deletes === undefined || written.some(([name]) => name === 'DEL')
  return isThere ? written : [...written, ['DEL', `${key}:1`]]
}

function writtenOf({ action, keys, newer }: Table, key: string): readonly Command[] {
  if (keys.length === 0) return [['XADD', key, '*', 'field', 'value']]
  const hash = `${key}:1`
  const set: Command = ['HSET', hash, 'field', 'value']
  if (newer !== undefined || action === 'error' || action === 'ignore') return [set, ['EVALSHA', '0', '1', hash]]
  return [set, action === 'update' ? ['HDEL', hash, 'field'] : ['DEL', hash]]
}

/** `ACL DRYRUN` came with Redis 7, and itself needs a right. */
async function rights(ask: Ask, commands: readonly Command[]): Promise<readonly RightFacts[]> {
  const user = String(await ask('ACL', 'WHOAMI'))
  return Promise.all(
    commands.map(async (command) => ({
      name: command[0] === 'EVALSHA' ? command[0] : `${command[0]} ${command[1]}`,
      granted: isGranted(await ask('ACL', 'DRYRUN', user, ...command)),
    })),
  )
}

function isGranted(answer: unknown): boolean | undefined {
  return answer === undefined ? undefined : answer === 'OK'
}
