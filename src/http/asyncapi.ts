/** The queues, described (AsyncAPI 3.0) from the schemas that messages are checked by and the topology. */
import { type QueueTopology, TOPOLOGY } from '../../infra/topology.ts'
import { PRIORITIES } from '../domain/job.ts'
import { analysisAnswerSchema, analysisRequestSchema, MAX_MESSAGE_BYTES } from '../domain/messages.ts'

const JOB_ID = '019aa7de-6f2b-7c3e-9a55-0c2f6a1b2c3d'
const RESULT_PLACE = `s3://${TOPOLOGY.bucket.name}/results/acme/${JOB_ID}/1.json`
const ref = { version: 1, job_id: JOB_ID, attempt: 1 }

const EXAMPLES = {
  job: { jobId: JOB_ID, attempt: 1, priority: 'normal', notBefore: null },
  order: {
    ...ref,
    owner: 'acme',
    token_id: 'greeting-1',
    s3_audio_url: `s3://${TOPOLOGY.bucket.name}/audio/acme/2026/11/21/${JOB_ID}.wav`,
    s3_textgrid_url: null,
    s3_pitch_url: null,
    callback_url: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  },
  progress: { ...ref, type: 'progress', progress: 80, message: 'Tracking pitch' },
  completed: { ...ref, type: 'completed', duration_s: 2.41, result: { version: 1, duration_s: 2.41 } },
  completedByPlace: { ...ref, type: 'completed', result_s3_url: RESULT_PLACE },
  failed: {
    ...ref,
    type: 'failed',
    error: { code: 'recording-undecodable', detail: 'The file ends in the middle', retryable: false },
  },
}

const ABOUT = `How an analysis server in any language takes part: it receives orders from \`${TOPOLOGY.analysisQueue.name}\` and sends answers to \`${TOPOLOGY.resultQueue.name}\`.

- Bodies are JSON in UTF-8 of at most ${MAX_MESSAGE_BYTES} bytes; unknown fields are ignored.
- Queues deliver at least once and in no order. \`job_id\` and \`attempt\` are the idempotency key; an answer echoes both.
- An order is deleted after its terminal answer was sent, never before. Who wants it again does not delete it; who needs longer than the visibility timeout extends it.
- Poison is a body that is not JSON or not of these shapes, an unknown \`version\`, and a \`result_s3_url\` outside \`results/<owner>/<job_id>/\` of our bucket, or where there is no object. It is not applied, and goes to the dead-letter queue.`

/** The document of `/asyncapi.json`. */
export function describeQueues(): object {
  return {
    asyncapi: '3.0.0',
    info: { title: 'Tonewire queues', version: '1.0.0', description: ABOUT, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    channels: {
      jobs: {
        address: TOPOLOGY.jobQueue.name,
        title: 'Jobs on their way to SQS (BullMQ, between our own processes)',
        description: `A BullMQ queue under the prefix \`${TOPOLOGY.jobQueue.prefix}\`. The id of a job is \`<job_id>-<attempt>\`: adding one that waits or runs changes nothing. Third parties use the SQS queues.`,
        messages: { job: { $ref: '#/components/messages/job' } },
      },
      orders: sqsChannel(TOPOLOGY.analysisQueue, 'Orders to analyse a recording', ['order']),
      answers: sqsChannel(TOPOLOGY.resultQueue, 'What an analysis server answers', ['progress', 'completed', 'failed']),
    },
    operations: {
      sendJob: operation('send', 'jobs', 'The API adds a job when its recording is stored', ['job']),
      sendOrder: operation('send', 'orders', 'The forwarder sends an order', ['order']),
      receiveAnswer: operation('receive', 'answers', 'The recorder takes answers', ['progress', 'completed', 'failed']),
    },
    components: { messages: messages(), messageTraits: { sqs: { headers: attributes } } },
  }
}

const attributes = {
  type: 'object',
  description: 'SQS message attributes (String)',
  required: ['job_type'],
  properties: { job_type: { type: 'string', const: 'audio_analysis' } },
}

function sqsChannel(queue: QueueTopology, title: string, names: readonly string[]): object {
  const { name, deadLetterName, maxReceiveCount, visibilityTimeoutS, retentionS, deadLetterRetentionS } = queue
  const sqsQueue = {
    name,
    fifoQueue: false,
    visibilityTimeout: visibilityTimeoutS,
    messageRetentionPeriod: retentionS,
    redrivePolicy: { deadLetterQueue: { name: deadLetterName }, maxReceiveCount },
  }
  const deadLetterQueue = { name: deadLetterName, fifoQueue: false, messageRetentionPeriod: deadLetterRetentionS }
  return {
    address: name,
    title,
    description: `A standard SQS queue. \`MessageGroupId\` is the owner, so that one owner’s backlog does not hold up the others (fair queues, where the endpoint has them). After ${maxReceiveCount} receives a message moves to \`${deadLetterName}\`, where it is kept for ${deadLetterRetentionS / 86_400} days.`,
    messages: Object.fromEntries(names.map((key) => [key, { $ref: `#/components/messages/${key}` }])),
    bindings: { sqs: { queue: sqsQueue, deadLetterQueue, bindingVersion: '0.2.0' } },
  }
}

function operation(action: string, channel: string, summary: string, names: readonly string[]): object {
  const messages = names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` }))
  return { action, channel: { $ref: `#/channels/${channel}` }, summary, messages }
}

function messages(): object {
  const [progress, completed, failed] = analysisAnswerSchema.anyOf
  const sqs = { traits: [{ $ref: '#/components/messageTraits/sqs' }] }
  const { job_id: jobId, attempt } = analysisRequestSchema.properties
  const notBefore = { type: ['string', 'null'], format: 'date-time', description: 'Earliest time of the analysis' }
  const properties = { jobId, attempt, priority: { enum: [...PRIORITIES] }, notBefore }
  const job = { type: 'object', required: Object.keys(properties), properties }
  return plain({
    job: message('A job to forward', job, [EXAMPLES.job]),
    order: { ...sqs, ...message('An order to analyse one recording', analysisRequestSchema, [EXAMPLES.order]) },
    progress: {
      ...sqs,
      ...message('How far the analysis is, on the job’s own scale: clamped to 65–95', progress, [EXAMPLES.progress]),
    },
    completed: {
      ...sqs,
      ...message(
        'The result, or its place when the message would pass the limit: one of the two',
        { ...completed, oneOf: [{ required: ['result'] }, { required: ['result_s3_url'] }] },
        [EXAMPLES.completed, EXAMPLES.completedByPlace],
      ),
    },
    failed: { ...sqs, ...message('Ends the attempt, whatever `retryable` says', failed, [EXAMPLES.failed]) },
  })
}

function message(summary: string, payload: object, examples: readonly object[]): object {
  const given = examples.length === 0 ? {} : { examples: examples.map((each) => ({ payload: each })) }
  return { summary, contentType: 'application/json', payload, ...given }
}

/** Without what the schemas carry for the checker alone. */
function plain(value: object): object {
  return JSON.parse(JSON.stringify(value)) as object
}
