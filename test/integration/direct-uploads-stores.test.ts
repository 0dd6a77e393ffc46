import { after } from 'node:test'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { createDirectUploads } from '../../src/storage/direct-uploads.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createMemoryBudget } from '../../src/storage/memory-budget.ts'
import { createObjectStore, createS3Client } from '../../src/storage/object-store.ts'
import { createUploadFactStore } from '../../src/storage/upload-fact-store.ts'
import { describeDirectUploads } from '../contracts/direct-uploads.ts'
import { describeUploadFacts } from '../contracts/upload-facts.ts'
import { startTestAws } from '../support/aws.ts'
import { startCorsProxy } from '../support/cors-proxy.ts'
import { openEmbedded } from '../support/embedded.ts'
import { createTestDatabase, skipWithoutPostgres } from '../support/postgres.ts'
import { openMigrated } from '../support/storage.ts'

const aws = await startTestAws()
const { region, credentials } = aws.client
const { bucket, endpoint } = aws
const s3 = createS3Client({ region, endpoint, credentials })
after(() => s3.destroy())
await s3.send(new CreateBucketCommand({ Bucket: bucket }))
// Checks signatures, which the emulator does not.
const proxy = await startCorsProxy(endpoint, 'http://page.example', credentials.secretAccessKey)
const embedded = await openEmbedded()
const postgres = skipWithoutPostgres === false ? await openMigrated(await createTestDatabase()) : embedded
if (postgres !== embedded) after(() => postgres.destroy())

describeDirectUploads('direct uploads to S3', async () => ({
  uploads: createDirectUploads(s3, bucket, proxy.url),
  objects: createObjectStore(s3, bucket, { budget: createMemoryBudget(32 * 1024 * 1024) }),
  send: async (url, bytes, headers = {}) => {
    const response = await fetch(url, { method: 'PUT', body: new Uint8Array(bytes), headers })
    await response.text()
    return { status: response.status, etag: response.headers.get('etag') ?? '' }
  },
  close: async () => {},
}))

describeUploadFacts('facts of uploads in PGlite', () => ({
  jobs: createJobStore(embedded),
  facts: createUploadFactStore(embedded),
}))

if (postgres !== embedded) {
  describeUploadFacts('facts of uploads in PostgreSQL', () => ({
    jobs: createJobStore(postgres),
    facts: createUploadFactStore(postgres),
  }))
}
