import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { Redis } from 'ioredis'
import { endWithParent } from '../../src/embedded/end-with-parent.ts'
import { findProgram } from '../../src/embedded/find-program.ts'
import { findFreePort } from '../../src/embedded/free-port.ts'

const server = findProgram('redis-server') ?? findProgram('valkey-server')
/** For a test's `skip` option: false, or why there is no cluster. */
export const NO_CLUSTER: string | false = server === undefined && 'there is no redis-server on this machine'

const SLOTS = 16_384
/** A node's second port, of the cluster itself, lies above the first by 10,000 unless it is told. */
const HIGHEST_PORT = 55_535

export interface ClusterNode {
  readonly port: number
  readonly admin: Redis
  kill(): Promise<void>
}

/** Three masters that share the slots, empty at first, and go on without one another; they end with the file's tests. */
export async function startRedisCluster(): Promise<{ url: string; nodes: readonly ClusterNode[] }> {
  const nodes = await Promise.all([0, 1, 2].map(startNode))
  const [first] = nodes
  const share = Math.ceil(SLOTS / nodes.length)
  for (const [index, { admin, port }] of nodes.entries()) {
    const last = Math.min(SLOTS, (index + 1) * share) - 1
    await admin.cluster('ADDSLOTSRANGE', index * share, last)
    if (port !== first?.port) await first?.admin.cluster('MEET', '127.0.0.1', port)
  }
  for (const { admin } of nodes) await untilWhole(admin, nodes.length)
  return { url: `redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, nodes }
}

async function startNode(): Promise<ClusterNode> {
  const port = await freeClusterPort()
  const dir = await mkdtemp(join(tmpdir(), 'tonewire-node-'))
  const settings = {
    port,
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'no',
    'cluster-enabled': 'yes',
    'cluster-require-full-coverage': 'no',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(server ?? '', args, { stdio: 'ignore', detached: true })
  const release = child.pid === undefined ? () => {} : endWithParent(child.pid)
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const admin = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null })
  admin.on('error', () => {})
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  after(async () => {
    admin.disconnect()
    await kill()
    release()
    await rm(dir, { recursive: true, force: true })
  })
  await admin.ping()
  return { port, admin, kill }
}

async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = await findFreePort()
    if (port <= HIGHEST_PORT) return port
  }
}

async function untilWhole(admin: Redis, size: number): Promise<void> {
  for (;;) {
    const info = String(await admin.cluster('INFO'))
    if (info.includes('cluster_state:ok') && info.includes(`cluster_size:${size}`)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
