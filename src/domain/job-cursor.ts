/** Where a page of a list of jobs ends: opaque to clients, a job's place in the order for us. */
import { isUuid } from './ids.ts'

const CURSOR = /^(\d{1,13})\.([0-9a-f-]{36})$/

export interface JobPlace {
  readonly createdAt: Date
  readonly jobId: string
}

export function formatJobCursor({ createdAt, jobId }: JobPlace): string {
  return Buffer.from(`${createdAt.getTime()}.${jobId}`).toString('base64url')
}

/** Reads a cursor; undefined for anything that is none. */
export function parseJobCursor(text: string): JobPlace | undefined {
  const [, createdMs, jobId = ''] = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? []
  return isUuid(jobId) ? { createdAt: new Date(Number(createdMs)), jobId } : undefined
}
