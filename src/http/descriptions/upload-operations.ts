/** Uploads that go straight to S3. */
import type { ErrorCode } from '../../domain/errors.ts'
import { noContent, type Operation } from './operation.ts'

const tag = 'jobs'
const KNOWN: readonly ErrorCode[] = ['job-not-found', 'storage-unavailable', 'job-cancelled', 'upload-complete']

/** By method and path. */
export const UPLOAD_OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /v1/uploads': {
    id: 'offerUpload',
    tag,
    summary: 'Begin an upload straight to S3',
    description: 'One URL for a small recording, one for each part of a large one. PUT to each, then complete.',
    problems: [
      ...(['upload-empty', 'upload-too-large', 'callback-refused', 'storage-unavailable', 'owner-deleted'] as const),
      ...(['idempotency-busy', 'idempotency-conflict', 'job-cancelled'] as const),
      ...(['too-many-uploads', 'too-many-jobs'] as const),
    ],
  },
  'POST /v1/uploads/{job_id}/urls': {
    id: 'signUploadAgain',
    tag,
    summary: 'Sign again what is missing',
    problems: [...KNOWN, 'upload-expired', 'upload-incomplete'],
  },
  'POST /v1/uploads/{job_id}/complete': {
    id: 'completeUpload',
    tag,
    summary: 'Complete an upload: size, SHA-256 and content are checked',
    problems: [
      ...KNOWN,
      ...(['upload-expired', 'upload-incomplete', 'upload-mismatch', 'upload-not-audio'] as const),
      ...(['upload-empty', 'upload-too-large', 'recording-too-long', 'upload-aborted'] as const),
    ],
    headers: ['location'],
  },
  'DELETE /v1/uploads/{job_id}': {
    id: 'abandonUpload',
    tag,
    summary: 'Give an upload up',
    problems: KNOWN,
    answers: noContent('Given up: what had arrived is removed.'),
  },
}
