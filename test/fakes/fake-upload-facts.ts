import type { UploadFactStore } from '../../src/ports/direct-uploads.ts'
import type { Row } from './fake-job-rows.ts'

/** What the rows of the job store in memory say of direct uploads. */
export function createFakeUploadFacts(rows: ReadonlyMap<string, Row>, now: () => number): UploadFactStore {
  return {
    find: async (jobId) => {
      const row = rows.get(jobId)
      if (row?.announced === undefined) return undefined
      const { announced, uploadId = null, uploadDeadlineMs } = row
      const leftS = (uploadDeadlineMs - now()) / 1000
      return { ...announced, uploadId, expiresAt: new Date(uploadDeadlineMs), leftS }
    },
    bind: async (jobId, uploadId) => {
      const row = rows.get(jobId)
      if (row?.announced?.method === 'parts') row.uploadId ??= uploadId
      return row?.uploadId
    },
  }
}
