/** What the analysis server of the direct route calls. */
import { analysisAnswerSchema } from '../../domain/messages.ts'
import type { Operation } from './operation.ts'

/** By method and path. */
export const WEBHOOK_OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /webhooks/analysis': {
    id: 'answerAnalysis',
    tag: 'system',
    summary: 'Answer an order of the direct route',
    description:
      'For the analysis server alone: `x-signature: t=<unix seconds>,v1=<hex hmac-sha256 of "<t>.<raw body>">` with ' +
      '`WEBHOOK_SECRET`, at most 5 minutes old. An answer that repeats, or comes too late, is acknowledged and changes nothing.',
    parameters: [
      {
        name: 'x-signature',
        in: 'header',
        description: 'Left out only by a server whose address is in `WEBHOOK_ALLOW_UNSIGNED_FROM`.',
        schema: { type: 'string' },
        example: 't=1795255200,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd',
      },
    ],
    body: { 'application/json': analysisAnswerSchema },
    problems: [
      ...(['signature-invalid', 'job-not-found', 'job-not-direct', 'message-invalid', 'upload-aborted'] as const),
      ...(['upload-expired', 'upload-too-slow', 'not-ready', 'storage-unavailable', 'database-unavailable'] as const),
    ],
  },
}

export const WEBHOOK_BODIES: Readonly<Record<string, unknown>> = {
  answerAnalysis: {
    version: 1,
    type: 'failed',
    job_id: '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d',
    attempt: 1,
    error: { code: 'too-noisy', detail: 'Nobody speaks in it', retryable: false },
  },
}
export const WEBHOOK_ANSWERS: Readonly<Record<string, unknown>> = { answerAnalysis: { status: 'failed' } }
