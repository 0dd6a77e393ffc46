import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import type { FastifyInstance, FastifyListenOptions } from 'fastify'
import { startFauxqs } from 'fauxqs'

export interface AwsEmulator {
  /** For `AWS_ENDPOINT_URL`: S3 (path style) and SQS. */
  readonly endpoint: string
  /** Ends open requests, long polls too; a repeat is harmless. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts S3 and SQS in this process (fauxqs) on a free loopback port; any credentials do.
 * With a folder, queues are kept in a database and objects as files there; without one nothing is kept.
 */
export async function startAwsEmulator({ dataDir }: { dataDir?: string } = {}): Promise<AwsEmulator> {
  const kept = dataDir === undefined ? {} : { dataDir, s3StorageDir: join(dataDir, 'objects') }
  const server = await onLoopback(() => startFauxqs({ port: 0, logger: false, ...kept }))
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= server.stop()
    return stopped
  }
  return { endpoint: `http://127.0.0.1:${server.port}`, stop, [Symbol.asyncDispose]: stop }
}

/**
 * fauxqs listens on every interface and has no option against it, which would hand learners' recordings to the whole
 * network without a key. Fastify announces each new instance on its diagnostics channel: its address is set there.
 */
function onLoopback<T>(start: () => Promise<T>): Promise<T> {
  const bind = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    const listen = fastify.listen.bind(fastify) as (options: FastifyListenOptions) => Promise<string>
    Object.assign(fastify, { listen: (options: FastifyListenOptions) => listen({ ...options, host: '127.0.0.1' }) })
  }
  subscribe('fastify.initialization', bind)
  try {
    return start() // makes its instance before its first await
  } finally {
    unsubscribe('fastify.initialization', bind)
  }
}
