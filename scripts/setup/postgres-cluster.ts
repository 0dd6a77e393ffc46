import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endWithParent } from '../../src/embedded/end-with-parent.ts'
import { foldersOnPath, isExecutable } from '../../src/embedded/find-program.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'

export interface PostgresCluster {
  /** Of a user who may create databases. */
  readonly url: string
  /** Cuts every connection, as a crash would, and starts the server again with what was committed. */
  restart(): Promise<void>
  /** Ends the server and removes its files. */
  stop(): Promise<void>
}

export interface ClusterOptions {
  /** What is committed outlives `restart`; costs some of the speed. Default false. */
  readonly keepsCommits?: boolean
}

const START_TIMEOUT_MS = 30_000

/** Fast and careless: the cluster does not outlive the tests. */
const SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200']

/**
 * Starts a PostgreSQL of our own in a temporary folder, on a free loopback port, with a random password; it ends and
 * its files go with this process, however that ends. Resolves to a sentence when the machine has no PostgreSQL.
 */
export async function startPostgresCluster(options: ClusterOptions = {}): Promise<PostgresCluster | string> {
  const programs = findPrograms()
  if (programs === undefined) return 'initdb and postgres are not on PATH or in /usr/lib/postgresql/*/bin'
  const user = unprivilegedUser()
  if (typeof user === 'string') return user
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  try {
    return await start(programs, user, folder, options)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

async function start(
  programs: string,
  user: User,
  folder: string,
  { keepsCommits = false }: ClusterOptions,
): Promise<PostgresCluster> {
  const data = join(folder, 'data')
  const password = initialise(programs, user, folder, data)
  const port = await findFreePort()
  const settings = keepsCommits ? [...SETTINGS, 'synchronous_commit=on'] : SETTINGS
  const options = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, ...settings]
  const args = ['-D', data, ...options.flatMap((option) => ['-c', option])]
  const identity = { cwd: folder, ...user }
  const open = async (): Promise<() => Promise<void>> => {
    const server = spawn(join(programs, 'postgres'), args, {
      ...identity,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const release = endWithParent(server.pid as number, { signal: 'QUIT', cleanUp: folder })
    const close = async () => {
      await end(server)
      release()
    }
    await untilReady(server).catch(async (error) => {
      await close()
      throw error
    })
    return close
  }
  let close = await open()
  return {
    url: `postgres://tests:${password}@127.0.0.1:${port}/postgres`,
    async restart() {
      await close()
      close = await open()
    },
    async stop() {
      await close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Makes the files of a server, and the password of its user. */
function initialise(programs: string, user: User, folder: string, data: string): string {
  const passwordFile = join(folder, 'password')
  const password = randomBytes(16).toString('hex')
  mkdirSync(data, { mode: 0o700 })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  for (const path of [folder, data, passwordFile]) if (user.uid !== undefined) chownSync(path, user.uid, user.gid)
  const place = ['--pgdata', data, '--username', 'tests', '--pwfile', passwordFile]
  const kind = ['--encoding', 'UTF8', '--locale', 'C', '--auth', 'scram-sha-256', '--no-sync']
  execFileSync(join(programs, 'initdb'), [...place, ...kind], { cwd: folder, ...user, stdio: 'pipe' })
  return password
}

/** The server says on stderr when it is ready; what it says later is not wanted, but has to be read. */
function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (why: string) => reject(new Error(`PostgreSQL did not start: ${why}\n${text}`))
    const timer = setTimeout(() => fail(`not ready after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
    server.once('error', (error) => fail(error.message))
    server.once('exit', (code) => fail(`it ended with code ${code}`))
    server.stderr?.on('data', (chunk: Buffer) => {
      text = (text + chunk).slice(-4_000)
      if (!text.includes('ready to accept connections')) return
      clearTimeout(timer)
      resolve()
    })
  })
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) return
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGQUIT') // at once, without writing what is thrown away in a moment
  await ended
}

/** The folder of initdb and postgres; of several versions the newest. */
function findPrograms(debian = '/usr/lib/postgresql'): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...foldersOnPath()]
  return folders.find((folder) => ['initdb', 'postgres'].every((program) => isExecutable(join(folder, program))))
}

type User = { uid: number; gid: number } | { uid?: never; gid?: never }

/** PostgreSQL refuses to run as root: then it is `postgres`, or `nobody`. */
function unprivilegedUser(): User | string {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = ['-u', '-g'].map((flag) =>
        Number(execFileSync('id', [flag, name], { stdio: 'pipe' }).toString()),
      )
      return { uid: uid as number, gid: gid as number }
    } catch {
      // no such user: the next one
    }
  }
  return 'PostgreSQL does not run as root, and there is no user postgres or nobody'
}
