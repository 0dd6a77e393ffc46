/** The wire of uploads that go straight to S3. */
import { type Static, Type } from 'typebox'
import type { OfferedUpload } from '../services/offer-upload.ts'
import { uploadFieldsSchema } from './schemas.ts'

const { token_id, priority, not_before, callback_url } = uploadFieldsSchema.properties
const MOST_PARTS = 10_000
const partNumber = Type.Integer({ minimum: 1, maximum: MOST_PARTS })

export const newUploadSchema = Type.Object({
  filename: Type.Optional(Type.String({ maxLength: 1000 })),
  content_type: Type.String({
    pattern: '^[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}$',
    description: 'Sent with the recording; the bytes decide what it is',
  }),
  size_bytes: Type.Integer({ minimum: 0, description: 'Of the whole recording, exactly' }),
  sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the whole recording, hex' })),
  token_id,
  priority,
  not_before,
  callback_url,
  metadata: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { description: 'An object of at most 2 KB, kept with the job' }),
  ),
})

/** An empty body is taken for an empty object. */
export const resumeUploadSchema = Type.Union([
  Type.Null(),
  Type.Object({
    parts: Type.Optional(
      Type.Array(partNumber, { minItems: 1, maxItems: MOST_PARTS, description: 'Default: all that have not arrived' }),
    ),
  }),
])

export const completeUploadSchema = Type.Union([
  Type.Null(),
  Type.Object({
    parts: Type.Optional(
      Type.Array(Type.Object({ part_number: partNumber, etag: Type.String({ minLength: 1, maxLength: 200 }) }), {
        maxItems: MOST_PARTS,
        description: 'What S3 answered to each part; may be left out where the store can list its parts',
      }),
    ),
  }),
])

export const offeredUploadSchema = Type.Object({
  job_id: Type.String(),
  method: Type.Enum(['put', 'parts']),
  part_size_bytes: Type.Integer({ description: 'Of every part but the last' }),
  parts: Type.Array(Type.Integer(), { description: 'The numbers of the parts, one per URL' }),
  urls: Type.Array(Type.String(), { description: 'One PUT each, good for 15 minutes; ask again for what is missing' }),
  headers: Type.Record(Type.String(), Type.String(), { description: 'To be sent with each PUT' }),
  expires_at: Type.String({ description: 'The end of the whole upload' }),
})

export function toOfferedView(offered: OfferedUpload): Static<typeof offeredUploadSchema> {
  const { job, plan, urls, parts, headers, expiresAt } = offered
  return {
    job_id: job.jobId,
    method: plan.method,
    part_size_bytes: plan.partSizeBytes,
    parts: [...parts],
    urls: [...urls],
    headers: { ...headers },
    expires_at: expiresAt.toISOString(),
  }
}
