/**
 * `npm run provision`: makes the bucket and the queues at AWS_ENDPOINT_URL (AWS without it), or mends them, and prints
 * the URLs of the queues. It waits for an endpoint that is still starting.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { provision, queueNamesOf } from '../infra/provision.ts'
import { type Config, loadConfig, parseOrigins } from '../src/config.ts'
import type { Log } from '../src/ports.ts'
import { createSqsClient } from '../src/queues/sqs-client.ts'
import { createS3Client } from '../src/storage/object-store.ts'

const WAIT_MS = 60_000
const RETRY_MS = 1000

const print = (fields: object, sentence: string) => console.error(sentence, JSON.stringify(fields))
const log: Log = { debug: () => {}, info: print, warn: print, error: print }

const config = loadConfig(process.env)
const { analysisQueue, resultQueue } = await provisionWhenUp(config)
console.log(`SQS_QUEUE_URL=${analysisQueue.url}`)
console.log(`SQS_RESULT_QUEUE_URL=${resultQueue.url}`)

async function provisionWhenUp({ awsRegion: region, awsEndpointUrl: endpoint, ...settings }: Config) {
  const place = { region, ...(endpoint === undefined ? {} : { endpoint }) }
  const s3 = createS3Client(place)
  const sqs = createSqsClient(place)
  const names = queueNamesOf(settings)
  const corsOrigins = parseOrigins(settings.corsOrigins)
  const deadline = Date.now() + WAIT_MS
  for (;;) {
    try {
      return await provision({ s3, sqs, bucket: settings.s3Bucket, names, corsOrigins, log })
    } catch (error) {
      if (!mayPass(error) || Date.now() > deadline) throw error
      log.warn({ error: String(error) }, 'the endpoint does not answer yet')
      await delay(RETRY_MS)
    }
  }
}

/** Refusals such as missing rights do not pass by waiting. */
function mayPass(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const isCredentials = (error as Error).name === 'CredentialsProviderError'
  return !isCredentials && (status === undefined || status >= 500 || status === 409)
}
