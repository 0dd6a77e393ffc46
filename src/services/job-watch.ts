import { AppError } from '../domain/errors.ts'
import { isTerminal, type Job } from '../domain/job.ts'
import type { Ports } from '../ports.ts'
import { createThrottle } from './throttle.ts'

export interface JobWatch {
  /** Aborts with `job-cancelled` once the job is known to have ended, or to be in another attempt. */
  readonly signal: AbortSignal
  /** Reads the row, at most once per interval; returns at once. */
  look(): void
}

/** Watches whether work on a job is still wanted. `job` is its row as just read. */
export function createJobWatch(ports: Pick<Ports, 'jobs' | 'log'>, job: Job, intervalMs: number): JobWatch {
  const { jobId, attempt } = job
  const controller = new AbortController()
  const throttle = createThrottle(intervalMs)
  // The first interval counts from the row as it was just read.
  throttle(() => {})

  async function read(): Promise<void> {
    try {
      const now = await ports.jobs.find(jobId)
      if (now !== undefined && now.attempt === attempt && !isTerminal(now.status)) return
      controller.abort(new AppError('job-cancelled', `Job ${jobId} no longer waits for attempt ${attempt}`))
    } catch (error) {
      // The work may go on: a later look, or the guarded update at the end, finds out.
      ports.log.debug({ jobId, err: error }, 'job under way not read')
    }
  }

  return { signal: controller.signal, look: () => throttle(() => void read()) }
}
