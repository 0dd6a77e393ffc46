import { addAbortSignal } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { parseAddressList } from '../../domain/address-list.ts'
import { AppError, toAppError } from '../../domain/errors.ts'
import { JOB_STATUSES } from '../../domain/job.ts'
import { checkSignature, readSignature, type Signature } from '../../domain/webhook-signature.ts'
import { withWhole } from '../../services/read-whole.ts'
import { createProgressThrottle } from '../../services/record-result.ts'
import { takeWebhook } from '../../services/take-webhook.ts'
import { createAnswerPlaces } from '../answer-places.ts'
import type { App, AppDependencies } from '../dependencies.ts'
import { detachBody } from '../detached-body.ts'
import { jobParamsSchema, literals } from '../schemas.ts'
import { drain, unlessAborted, waitForUpload } from '../upload-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Of an answer that is let in; null for one that need not be signed. */
    webhookSignature: Signature | null
  }
}

/** Results beyond a message's size lie in S3; what is larger than this is none of ours. */
const MAX_BODY_BYTES = 16 * 1024 * 1024
/** Of an answer whose sender does not say how long it is, as many HTTP clients do not unless they are told to. */
const MAX_CHUNKED_BYTES = 256 * 1024
/** Answers that are read, or wait to be, in one process. An installation's servers may all be behind one address. */
const MAX_AT_ONCE = 256
const PLACES = { most: MAX_AT_ONCE, mostOfAddress: MAX_AT_ONCE / 2, bytesOfAddress: MAX_BODY_BYTES }
/** An analysis server has the whole answer before it sends it. */
const MAX_READ_S = 10
const RETRY_AFTER_S = 2
const querySchema = Type.Object({
  ...jobParamsSchema.properties,
  attempt: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1, description: 'As the address in the order has it.' }),
  ),
})

/** Where the analysis server of the direct route answers. */
export async function webhookRoute(app: App, deps: AppDependencies): Promise<void> {
  const { ports, webhook } = deps
  const unsigned = parseAddressList(webhook?.allowUnsignedFrom)
  const places = createAnswerPlaces(PLACES)
  const mayTell = createProgressThrottle()
  app.removeAllContentTypeParsers()
  // The route reads the body itself, whatever it says it is.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.decorateRequest('webhookSignature', null)

  // Before the body is asked for: whoever may not answer has none of it read.
  app.addHook('onRequest', async (request, reply) => {
    try {
      request.webhookSignature = admit(request)
      const leave = places.enter(request.ip, sizeOf(request))
      if (leave === undefined) throw busy()
      reply.raw.once('finish', leave).once('close', leave)
      if (reply.raw.destroyed) leave()
    } catch (error) {
      throw refused(request, error)
    }
  })

  const response = { 200: Type.Object({ status: literals(JOB_STATUSES) }) }
  const schema = { querystring: querySchema, response }
  app.post('/webhooks/analysis', { config: { public: true }, schema }, async (request) => {
    const jobId = request.query.job_id.toLowerCase()
    const { attempt } = request.query
    const signature = request.webhookSignature
    try {
      const { job, outcome } = await withBody(deps, request, async (bytes) => {
        if (signature !== null && webhook?.secret !== undefined) checkSignature(signature, webhook.secret, bytes)
        const sent = { jobId, attempt, body: bytes.toString('utf8'), isSigned: signature !== null }
        return takeWebhook(ports, sent, mayTell)
      })
      ports.metrics.count('webhooks', { outcome })
      return { status: job.status }
    } catch (error) {
      throw refused(request, error)
    }
  })

  function admit(request: FastifyRequest): Signature | null {
    const header = request.headers['x-signature']
    if (typeof header === 'string' && webhook?.secret !== undefined) return readSignature(header, Date.now() / 1000)
    if (!unsigned.has(request.ip)) throw new AppError('signature-invalid', 'Answers are signed: send x-signature.')
    ports.metrics.count('legacy_use', { feature: 'unsigned-webhook' })
    ports.log.info({ address: request.ip }, 'unsigned answer let in')
    return null
  }

  function refused(request: FastifyRequest, error: unknown): unknown {
    const { code } = toAppError(error)
    ports.metrics.count('webhooks', { outcome: code })
    ports.log.info({ address: request.ip, code, err: error }, 'answer of the analysis server refused')
    drain(request)
    return error
  }
}

/** Calls `use` with the whole body, out of the memory for answers; a sender that stalls is not waited for. */
async function withBody<T>(
  { ports, limits }: AppDependencies,
  request: FastifyRequest,
  use: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  const maxBytes = sizeOf(request)
  const isTooLarge = () => (request.headers['content-length'] === undefined ? tooLong() : tooLarge())
  const uploadTimeoutS = Math.min(limits.uploadTimeoutS, MAX_READ_S)
  const { signal, pace, end } = waitForUpload(request, { ...limits, uploadTimeoutS })
  const toError = (cause: Error) => new AppError('upload-aborted', 'The connection ended before the answer', { cause })
  const body = addAbortSignal(signal, detachBody(request.raw, { toError }))
  body.on('error', () => {})
  const rules = { maxBytes, tooLarge: isTooLarge, signal, pace }
  try {
    return await unlessAborted(signal, withWhole({ memory: ports.answerMemory }, body, rules, use))
  } finally {
    end()
    body.destroy()
  }
}

/** What memory is taken for: told by the sender, so that one who sends little holds little. */
function sizeOf({ headers }: FastifyRequest): number {
  const announced = headers['content-length']
  if (announced === undefined) return MAX_CHUNKED_BYTES
  if (Number(announced) > MAX_BODY_BYTES) throw tooLarge()
  return Number(announced)
}

function tooLarge(): AppError {
  const detail = `An answer has at most ${MAX_BODY_BYTES} bytes; send what is larger as result_s3_url.`
  return new AppError('request-too-large', detail)
}

function tooLong(): AppError {
  const detail = `An answer of more than ${MAX_CHUNKED_BYTES} bytes says how long it is: send content-length.`
  return new AppError('request-too-large', detail)
}

function busy(): AppError {
  return new AppError('not-ready', 'Too many answers come at once. Send it again.', { retryAfterS: RETRY_AFTER_S })
}
