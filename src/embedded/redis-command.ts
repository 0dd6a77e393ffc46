import { resolve } from 'node:path'
import { findProgram } from './find-program.ts'

export interface RedisCommand {
  readonly file: string
  readonly args: readonly string[]
}

/** The image that Docker runs where the machine has no server of its own. */
const DEFAULT_IMAGE = 'redis:7.2-bookworm'

/** The command line of a Redis for this process alone: loopback, never evicting, keeping nothing without a folder. */
export function redisCommand(port: number, dataDir?: string): RedisCommand {
  const common = [
    '--save',
    '',
    '--appendonly',
    dataDir === undefined ? 'no' : 'yes',
    '--maxmemory-policy',
    'noeviction',
  ]
  const server = findProgram('redis-server') ?? findProgram('valkey-server')
  if (server !== undefined) {
    const place = dataDir === undefined ? [] : ['--dir', resolve(dataDir)]
    return { file: server, args: ['--port', String(port), '--bind', '127.0.0.1', ...common, ...place] }
  }
  const docker = findProgram('docker')
  if (docker === undefined) {
    throw new Error('There is no redis-server, valkey-server or docker on PATH; install one of them or set REDIS_URL.')
  }
  const volume = dataDir === undefined ? [] : ['--volume', `${resolve(dataDir)}:/data`]
  const publish = `127.0.0.1:${port}:6379`
  const image = process.env.REDIS_IMAGE ?? DEFAULT_IMAGE
  const inside = ['redis-server', '--protected-mode', 'no', '--dir', '/data', ...common]
  return { file: docker, args: ['run', '--rm', '--publish', publish, ...volume, image, ...inside] }
}
