/** The queues and the bucket, as data. Provisioning, the start-up checks and the alarms read it alike. */
export interface QueueTopology {
  readonly name: string
  readonly deadLetterName: string
  readonly visibilityTimeoutS: number
  readonly retentionS: number
  readonly deadLetterRetentionS: number
  /** Receives after which SQS moves a message to the dead-letter queue. */
  readonly maxReceiveCount: number
}

export interface BucketTopology {
  readonly name: string
  readonly abortIncompleteUploadsAfterDays: number
  readonly staging: { readonly prefix: string; readonly expireAfterDays: number }
  /** What pages of `CORS_ORIGINS` may do. */
  readonly cors: {
    readonly methods: readonly string[]
    readonly requestHeaders: readonly string[]
    readonly exposedHeaders: readonly string[]
    readonly maxAgeS: number
  }
}

const DAY_S = 86_400

export const TOPOLOGY = {
  jobQueue: { name: 'audio-analysis', prefix: '{tonewire}' },
  analysisQueue: {
    name: 'audio-analysis-queue',
    deadLetterName: 'audio-analysis-queue-dlq',
    visibilityTimeoutS: 30,
    retentionS: 4 * DAY_S,
    deadLetterRetentionS: 14 * DAY_S,
    maxReceiveCount: 5,
  },
  resultQueue: {
    name: 'analysis-results-queue',
    deadLetterName: 'analysis-results-queue-dlq',
    visibilityTimeoutS: 30,
    retentionS: 4 * DAY_S,
    deadLetterRetentionS: 14 * DAY_S,
    maxReceiveCount: 5,
  },
  bucket: {
    name: 'audio-bucket',
    abortIncompleteUploadsAfterDays: 1,
    /** What clients sent and nobody completed; no upload lasts for more than a day. */
    staging: { prefix: 'uploads/', expireAfterDays: 2 },
    cors: {
      methods: ['PUT', 'GET', 'HEAD'],
      requestHeaders: ['content-type', 'range'],
      exposedHeaders: ['ETag', 'Content-Range'],
      maxAgeS: 3600,
    },
  },
} as const satisfies {
  jobQueue: { name: string; prefix: string }
  analysisQueue: QueueTopology
  resultQueue: QueueTopology
  bucket: BucketTopology
}
