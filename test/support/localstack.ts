import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** The last image that needs no account; it gets no patches. */
const IMAGE = process.env.AWS_IMAGE ?? 'localstack/localstack:4.14.0'
const START_TIMEOUT_MS = 120_000
const POLL_MS = 200

export interface LocalStack {
  readonly endpoint: string
  stop(): Promise<void>
}

/** Runs LocalStack, or the image in AWS_IMAGE, in Docker on a free loopback port; resolves when S3 answers. */
export async function startLocalStack(): Promise<LocalStack> {
  const args = ['run', '--detach', '--rm', '--env', 'SERVICES=s3,sqs', '--publish', '127.0.0.1::4566', IMAGE]
  const container = (await docker(args)).trim()
  const stop = async () => {
    await docker(['rm', '--force', container])
  }
  try {
    const [address] = (await docker(['port', container, '4566/tcp'])).split('\n')
    const endpoint = `http://${address}`
    await waitUntilAnswering(endpoint)
    return { endpoint, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function docker(args: readonly string[]): Promise<string> {
  return (await execute('docker', args, { encoding: 'utf8' })).stdout
}

async function waitUntilAnswering(endpoint: string): Promise<void> {
  const signal = AbortSignal.timeout(START_TIMEOUT_MS)
  for (;;) {
    const answer = await fetch(endpoint, { signal }).catch(() => undefined)
    if (answer !== undefined && answer.status < 500) return
    await delay(POLL_MS, undefined, { signal })
  }
}
