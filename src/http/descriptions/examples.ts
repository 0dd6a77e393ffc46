/** One example for each body that is JSON, by operation; a test holds them against the schemas. */
import { CUTOVER_ANSWERS, CUTOVER_BODIES } from './cutover-operations.ts'
import { LETTER_ANSWERS, LETTER_BODIES } from './dead-letter-operations.ts'
import { WEBHOOK_ANSWERS, WEBHOOK_BODIES } from './webhook-operations.ts'

const JOB_ID = '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'
const at = '2026-11-21T10:00:00.000Z'
const self = `/v1/jobs/${JOB_ID}`

export const jobExample = {
  job_id: JOB_ID,
  token_id: 'greeting-1',
  owner: 'acme',
  status: 'queued',
  progress: 40,
  message: 'Waiting for a forwarder',
  route: 'queue',
  attempt: 1,
  filename: 'take3.wav',
  content_type: 'audio/wav',
  size_bytes: 160078,
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  duration_s: 1.67,
  priority: 'normal',
  not_before: null,
  metadata: { lesson: 3 },
  event_cursor: 'k3x9.41',
  created_at: at,
  updated_at: at,
  finished_at: null,
  error: null,
  links: { self, events: `${self}/events`, result: `${self}/result` },
}

const failedJob = {
  ...jobExample,
  status: 'failed',
  message: 'The analysis took too long',
  finished_at: at,
  error: {
    code: 'analysis-timeout',
    stage: 'analysing',
    detail: 'The analysis took longer than 600 s',
    retryable: true,
  },
}

const token = {
  token_id: 'greeting-1',
  owner: 'acme',
  audio: true,
  textgrid: true,
  pitch: false,
  created_at: at,
  updated_at: at,
}

const delivery = {
  delivery_id: '019aa7de-7000-7c3e-9a55-0c2f6a1b2c3d',
  job_id: JOB_ID,
  attempt: 1,
  event: 'completed',
  url: 'https://hooks.example.com/tonewire',
  status: 'pending',
  tries: 1,
  next_try_at: at,
  last_status: 503,
  last_error: null,
  created_at: at,
  delivered_at: null,
}

const worker = 'forward@host-1:4711'
const hop = { attempt: 1, detail: null, message_id: null, receive_count: null, worker }
const timeline = {
  job_id: JOB_ID,
  status: 'analysing',
  attempt: 1,
  items: [
    {
      ...{ ...hop, at, hop: 'forward', outcome: 'sent', message: 'The order to analyse it was sent to SQS' },
      message_id: '5fea7756-0ea4-451a-a703-a558b933e274',
    },
    {
      ...{ ...hop, at, hop: 'analyse', outcome: 'received', message: 'An analyser received the order' },
      ...{ message_id: '5fea7756-0ea4-451a-a703-a558b933e274', receive_count: 1, worker: 'analyse@host-2:4712' },
    },
  ],
  explanation: ['Now: analysing since 2026-11-21 10:00:00.000Z, 12 s ago.'],
}

const key = {
  key_id: '019aa7de-8000-7c3e-9a55-0c2f6a1b2c3d',
  owner: 'acme',
  role: 'user',
  name: 'backend',
  created_at: at,
  expires_at: null,
  revoked_at: null,
  last_used_at: at,
}

const result = {
  version: 1,
  analysis_version: '1',
  job_id: JOB_ID,
  token_id: 'greeting-1',
  duration_s: 0.04,
  codec: 'pcm_s16le',
  sample_rate_hz: 48000,
  channels: 1,
  quality: { clipping_ratio: 0, silence_ratio: 0.21, snr_db: 34.2, flags: [], advice: [] },
  loudness: { integrated_lufs: -23.1, true_peak_dbtp: -3.2 },
  pitch: {
    ...{ mode: 'robust', start_s: 0.02, step_s: 0.01, f0_hz: [null, 181.2, 182.4], floor_hz: 75, ceiling_hz: 600 },
    ...{ median_hz: 181.8, range_semitones: null, voiced_ratio: 0.67 },
  },
  intensity: { start_s: 0.03, step_s: 0.008, values_db: [62.1] },
  waveform: { step_s: 0.02, peaks: [0.31, 0.28] },
  timing: { speech_s: 0.04, pauses: [], syllables: 1, syllables_per_s: 25, articulation_rate: 25 },
  comparison: { token_id: 'greeting-1', score: null, reason: 'too-little-voice', components: null, alignment: [] },
}

const offered = {
  job_id: JOB_ID,
  method: 'put',
  part_size_bytes: 160078,
  parts: [1],
  urls: ['https://audio-bucket.s3.amazonaws.com/audio/acme/take?X-Amz-Signature=0'],
  headers: { 'content-type': 'audio/wav' },
  expires_at: at,
}

/** Of the successful answer. */
export const ANSWER_EXAMPLES: Readonly<Record<string, unknown>> = {
  ...WEBHOOK_ANSWERS,
  createJob: jobExample,
  uploadAudio: { ...jobExample, token_id: '42' },
  listJobs: { items: [jobExample, failedJob], next_cursor: null },
  getJob: failedJob,
  cancelJob: { ...jobExample, status: 'cancelled', message: 'The job was cancelled', finished_at: at },
  retryJob: { ...jobExample, status: 'stored', progress: 25, message: 'The recording is stored', attempt: 2 },
  getResult: result,
  offerUpload: offered,
  signUploadAgain: offered,
  completeUpload: jobExample,
  deleteOwner: { owner: 'acme', requested_at: at, keys: 2, jobs: 40, tokens: 3 },
  getTimeline: timeline,
  listDeliveries: { items: [delivery] },
  replayDelivery: delivery,
  ...LETTER_ANSWERS,
  ...CUTOVER_ANSWERS,
  listTokens: { items: [token], next_cursor: null },
  getToken: token,
  putToken: token,
  openSession: { owner: 'acme', role: 'user', expires_at: at },
  createKey: { key: 'tw_8Zb1example', ...key, last_used_at: null },
  listKeys: { items: [key], next_cursor: null },
  rotateOwnerSecret: { owner: 'acme', secret: 'whsec_example' },
}

/** Of the request. */
export const BODY_EXAMPLES: Readonly<Record<string, unknown>> = {
  ...LETTER_BODIES,
  ...CUTOVER_BODIES,
  ...WEBHOOK_BODIES,
  createKey: { owner: 'acme', role: 'user', name: 'backend' },
  offerUpload: { content_type: 'audio/wav', size_bytes: 160078, filename: 'take3.wav', token_id: 'greeting-1' },
  signUploadAgain: { parts: [2, 3] },
  completeUpload: { parts: [{ part_number: 1, etag: '"9b2cf535f27731c974343645a3985328"' }] },
}

export const EVENT_EXAMPLE = {
  job_id: JOB_ID,
  token_id: 'greeting-1',
  status: 'analysing',
  progress: 80,
  message: 'Tracking pitch',
  attempt: 1,
  at,
}
