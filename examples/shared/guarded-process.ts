import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'

export interface GuardedOptions {
  readonly command: string
  readonly args: readonly string[]
  /** Removed, with all that is in it, when this process is gone; the server may write to it. */
  readonly folder: string
  /** File that receives both output streams. */
  readonly log: string
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
  /** User to run as; default: our own. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

export interface GuardedProcess {
  readonly pid: number
  readonly running: boolean
  /** Settles when the server has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Ends the server with `signal` and waits for it; the folder stays. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Leaves the folder to someone else. */
  release(): void
}

/**
 * Becomes the server by `exec`, and leaves a guard behind which holds the other end of a pipe to us. When the pipe
 * closes, however we ended, SIGKILL included, the guard stops the server and removes the folder. The last word it read
 * tells whether there is still something to stop (`running`, `stopped`) or nothing to do (`released`). A container
 * whose first process collects no orphans keeps the server as a zombie, which is as good as gone.
 */
const GUARD = `
folder=$1 signal=$2; shift 2
server=$$
alive() { kill -0 $server && ! grep -q ') Z ' /proc/$server/stat; }
( (
  trap '' INT TERM HUP
  word=running
  while read -r next <&3; do word=$next; done
  [ "$word" = released ] && exit
  if [ "$word" = running ]; then
    kill -"$signal" $server
    tries=0
    while alive && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL $server
  fi
  cd / && rm -rf "$folder"
) >/dev/null 2>&1 & )
exec 3<&-
exec "$@"
`

/**
 * Starts a server that cannot outlive this process. It runs in a session of its own, so that Ctrl-C reaches only us
 * and its clients can still be served while they drain. It does not keep the event loop alive.
 */
export function spawnGuarded(options: GuardedOptions): GuardedProcess {
  const log = openSync(options.log, 'a')
  const signal = options.stopSignal.slice('SIG'.length)
  const args = ['-c', GUARD, 'guard', options.folder, signal, options.command, ...options.args]
  const child = spawn('/bin/sh', args, { ...options.user, detached: true, stdio: ['ignore', log, log, 'pipe'] })
  closeSync(log)
  const guard = child.stdio[3] as Socket // not stdin: Node closes that as soon as the server ends
  guard.on('error', () => {}) // the guard may be gone before us: nothing is left to tell it
  guard.unref()
  child.unref()
  const ended = once(child, 'exit').then(() => {
    guard.write('stopped\n')
  })
  return {
    pid: child.pid ?? 0,
    get running() {
      return isRunning(child)
    },
    ended,
    async stop(stopSignal = options.stopSignal) {
      if (!isRunning(child)) return
      child.ref() // awaited now, so the event loop has to last until then
      child.kill(stopSignal)
      await ended
    },
    release: () => guard.end('released\n'),
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}
