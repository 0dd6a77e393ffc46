/** Orders to analyse, as they come from SQS. */
import type { Job } from '../../src/domain/job.ts'
import type { ReceivedMessage } from '../../src/ports.ts'

/** The order of a job in memory; `fields` are of the wire. */
export function messageFor(job: Job, fields: object = {}, signal = new AbortController().signal): ReceivedMessage {
  const request = {
    version: 1,
    job_id: job.jobId,
    attempt: 1,
    owner: job.owner,
    token_id: job.tokenId,
    s3_audio_url: `s3://fake-bucket/${job.objectKey}`,
    s3_textgrid_url: null,
    s3_pitch_url: null,
    callback_url: null,
    ...fields,
  }
  return { body: JSON.stringify(request), messageId: 'm1', receiveCount: 1, signal }
}
