/** What the owner sees of an upload while it goes on. */
import { type Job, uploadProgress } from '../domain/job.ts'
import { toProgressEvent } from '../domain/progress-event.ts'
import type { Ports } from '../ports.ts'
import { publishEvents, publishJobs, publishNewJob, publishWithFirst } from './publish-job.ts'
import { createThrottle } from './throttle.ts'

type AnnouncePorts = Pick<Ports, 'jobs' | 'progress' | 'metrics' | 'log'>

/** With the first event no more than five a second. */
const PROGRESS_INTERVAL_MS = 250
/** An upload that is over by then is told of once, with what became of it. */
const ANNOUNCE_AFTER_MS = 100

export interface Announcement {
  /** Publishes what became of the job, after its beginning in any case. */
  publish(job: Job): Promise<void>
  cancel(): void
}

/** Tells of a job whose upload lasts; of any other together with what became of it, which is half the work. */
export function announceLater(ports: AnnouncePorts, first: Job): Announcement {
  let announced = false
  const timer = setTimeout(() => {
    announced = true
    void publishNewJob(ports, first)
  }, ANNOUNCE_AFTER_MS)
  const cancel = (): void => clearTimeout(timer)
  return {
    cancel,
    publish(job) {
      cancel()
      return announced ? publishJobs(ports, [job]) : publishWithFirst(ports, first, job)
    },
  }
}

/** Publishes how far the upload has come, a few times a second; nothing while its size is unknown. */
export function createProgressReporter(ports: AnnouncePorts, job: Job, announcedBytes: number | undefined) {
  const throttle = createThrottle(PROGRESS_INTERVAL_MS)
  // The job's first event says 0 already; a small upload is over before the next is due.
  throttle(() => {})
  let reported = 0
  return (sizeBytes: number): void => {
    const progress = uploadProgress(sizeBytes, announcedBytes)
    if (progress <= reported) return
    throttle(() => {
      reported = progress
      void publishEvents(ports, [toProgressEvent(job, { progress, at: new Date() })])
    })
  }
}
