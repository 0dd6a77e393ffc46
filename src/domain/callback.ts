/** What a client's `callback_url` receives: docs/callbacks.md says it for clients. */
import { createHmac } from 'node:crypto'
import type { Job } from './job.ts'

/** The body of a notification: the job as it was when the event happened, in the contract's names. */
export function formatCallback(event: string, job: Job): string {
  const self = `/v1/jobs/${job.jobId}`
  return JSON.stringify({
    event,
    job_id: job.jobId,
    token_id: job.tokenId,
    owner: job.owner,
    status: job.status,
    attempt: job.attempt,
    progress: job.progress,
    message: job.message,
    filename: job.filename,
    size_bytes: job.sizeBytes,
    sha256: job.sha256,
    duration_s: job.durationS,
    metadata: job.metadata,
    created_at: job.createdAt.toISOString(),
    finished_at: job.finishedAt?.toISOString() ?? null,
    error: job.error,
    links: { self, events: `${self}/events`, result: `${self}/result` },
  })
}

/**
 * The value of `x-signature`: `t=<unix seconds>,v1=<hex>`, one `v1` for each secret, each the HMAC-SHA256 of
 * `<t>.<body>`.
 */
export function signBody(secrets: readonly string[], unixSeconds: number, body: string): string {
  const sign = (secret: string) => createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex')
  return [`t=${unixSeconds}`, ...secrets.map((secret) => `v1=${sign(secret)}`)].join(',')
}
