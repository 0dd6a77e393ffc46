/**
 * The least that streams a recording into S3: Fastify, @fastify/multipart and the `Upload` of @aws-sdk/lib-storage, all
 * as they come. No key, no hash, no look at the bytes, no row, no queue.
 */
import { randomUUID } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import multipart from '@fastify/multipart'
import Fastify from 'fastify'

const { AWS_ENDPOINT_URL = '', AWS_REGION = '', S3_BUCKET = '' } = process.env
const s3 = new S3Client({ endpoint: AWS_ENDPOINT_URL, region: AWS_REGION, forcePathStyle: true })
const app = Fastify()
await app.register(multipart, { limits: { fileSize: 16 * 1024 * 1024 } })

app.post('/v1/jobs', async (request, reply) => {
  const part = await request.file()
  if (part === undefined) return reply.code(400).send()
  const key = `bare/${randomUUID()}.wav`

  const params = { Bucket: S3_BUCKET, Key: key, Body: part.file, ContentType: part.mimetype }
  await new Upload({ client: s3, params }).done()
  return reply.code(202).send({ key })
})

process.once('SIGTERM', () => process.exit(0))
console.log(JSON.stringify({ url: await app.listen({ port: 0, host: '127.0.0.1' }) }))
