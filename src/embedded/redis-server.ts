import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { endWithParent } from './end-with-parent.ts'
import { findFreePort } from './free-port.ts'
import { type RedisCommand, redisCommand } from './redis-command.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Ends the server and resolves when it has ended; a repeat is harmless. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface RedisServerOptions {
  /** Folder for the append-only file. Without it nothing is kept. */
  readonly dataDir?: string
  /** Default: a free one. */
  readonly port?: number
  /** Gives up a start that has not finished. */
  readonly signal?: AbortSignal
}

/** Reading a long append-only file takes its time, and so does the first start of a container. */
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 5_000
const PORT_TRIES = 5

/**
 * Starts a Redis of our own on loopback: the machine's `redis-server` or `valkey-server`, else Docker's image.
 * It never evicts (BullMQ's queue must not lose keys), answers when this resolves, and ends with this process.
 *
 * @throws when there is no Redis to start, or it does not answer; the message says what it printed
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  if (options.dataDir !== undefined) mkdirSync(options.dataDir, { recursive: true })
  if (options.port !== undefined) return startOnPort(options.port, options)
  for (let tries = 1; ; tries++) {
    try {
      return await startOnPort(await findFreePort(), options)
    } catch (error) {
      // Somebody else may have taken the port between our look and the server's own.
      if (tries === PORT_TRIES || !/in use|already allocated/.test(String(error))) throw error
    }
  }
}

async function startOnPort(port: number, { dataDir, signal }: RedisServerOptions): Promise<RedisServer> {
  signal?.throwIfAborted()
  const { child, ready, ended, output } = launch(redisCommand(port, dataDir))
  const release = child.pid === undefined ? () => {} : endWithParent(child.pid)
  ended.then(release)
  const stop = () => end(child, ended)
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS)
  const givenUp = aborted(signal === undefined ? deadline : AbortSignal.any([signal, deadline]))
  try {
    await Promise.race([ready, givenUp, ended.then((how) => Promise.reject(new Error(how)))])
  } catch (error) {
    await stop()
    throw new Error(`Redis did not start: ${(error as Error).message}\n${output()}`.trim(), { cause: error })
  }
  const url = `redis://127.0.0.1:${port}`
  return { url, port, pid: child.pid as number, stop, [Symbol.asyncDispose]: stop }
}

/** The server's own word tells that it is ready: an answer on the port could be another server's. */
function launch({ file, args }: RedisCommand) {
  const child = spawn(file, args, { cwd: tmpdir(), detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const ready = new Promise<void>((resolve) => {
    const collect = (chunk: Buffer) => {
      text = (text + chunk).slice(-4_000)
      if (text.includes('Ready to accept connections')) resolve()
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`))
  })
  return { child, ready, ended, output: () => text }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

async function end(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}
