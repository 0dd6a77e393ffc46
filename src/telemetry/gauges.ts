import type { JobQueue, JobStore, MessageQueue } from '../ports.ts'
import type { GaugeSource } from './metrics.ts'

interface Sources {
  readonly jobs: Pick<JobStore, 'countByStatus'>
  readonly jobQueue: Pick<JobQueue, 'counts'>
  readonly messageQueues: Readonly<Record<string, Pick<MessageQueue, 'depth'>>>
}

/** How many jobs are at each hop and how long the oldest has been there, from the rows; and what the queues hold. */
export function pipelineGauges({ jobs, jobQueue, messageQueues }: Sources): GaugeSource[] {
  const queues = Object.entries(messageQueues).map(([queue, { depth }]) => ({
    queue,
    read: async (): Promise<object> => depth(),
  }))
  return [
    {
      name: 'jobs',
      help: 'Unfinished jobs by status',
      labels: ['status'],
      read: async () => (await jobs.countByStatus()).map(({ status, count }) => ({ labels: { status }, value: count })),
    },
    {
      name: 'jobs_oldest_age_seconds',
      help: 'Time the longest-waiting job has spent in its status; 0 when there is none',
      labels: ['status'],
      read: async () =>
        (await jobs.countByStatus()).map(({ status, oldestAgeS }) => ({ labels: { status }, value: oldestAgeS ?? 0 })),
    },
    ...[...queues, { queue: 'audio-analysis', read: async (): Promise<object> => jobQueue.counts() }].map(
      ({ queue, read }) => ({
        name: `queue_${queue.replaceAll('-', '_')}_messages`,
        help: `Messages of the queue ${queue} by state`,
        labels: ['state'],
        read: async () => Object.entries(await read()).map(([state, value]) => ({ labels: { state }, value })),
      }),
    ),
  ]
}
