/** The two ways to a job's timeline: a running API, or the database itself, with this environment's rules. */
import { loadConfig } from '../../src/config.ts'
import { AppError } from '../../src/domain/errors.ts'
import { type TimelineView, toTimelineView } from '../../src/http/timeline-schemas.ts'
import { tellTimeline } from '../../src/services/tell-timeline.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { createDeadLetterStore } from '../../src/storage/dead-letter-store.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createTimeline } from '../../src/storage/timeline.ts'
import { createUploadFactStore } from '../../src/storage/upload-fact-store.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { workerName } from '../../src/worker-name.ts'
import type { ApiClient } from '../keys/api-client.ts'
import type { Environment } from '../keys/run-command.ts'

export interface JobAccess {
  /** Throws what can be shown when there is no such job. */
  timeline(jobId: string): Promise<TimelineView>
  close(): Promise<void>
}

export function jobsOverHttp(call: ApiClient): JobAccess {
  return {
    timeline: async (jobId) => (await call('GET', `/v1/jobs/${encodeURIComponent(jobId)}/timeline`)) as TimelineView,
    close: async () => {},
  }
}

export function jobsInDatabase(env: Environment): JobAccess {
  const config = loadConfig(env)
  const db = openDatabase({ url: config.databaseUrl ?? '', poolSize: 1 })
  const jobs = createJobStore(db)
  const log = createLogger('silent', {})
  const timeline = createTimeline({ db, worker: workerName('jobs'), metrics: { count: () => {} }, log })
  const ports = { timeline, uploadFacts: createUploadFactStore(db), deadLetters: createDeadLetterStore(db) }
  return {
    async timeline(jobId) {
      const job = await jobs.find(jobId)
      if (job === undefined) throw new AppError('job-not-found', `There is no job ${jobId}`)
      return toTimelineView(await tellTimeline(ports, config, { job, forOperator: true }))
    },
    close: () => db.destroy(),
  }
}
