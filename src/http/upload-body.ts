/**
 * The recording in a request, as one stream, whichever way it came. The stream can be destroyed without harming the
 * socket, so that a refusal still reaches the client; the rest of the request is then drained.
 */
import type { Readable } from 'node:stream'
import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { CallbackUrlRules } from '../domain/callback-url.ts'
import { AppError } from '../domain/errors.ts'
import type { ObjectSize } from '../ports/object-store.ts'
import { createPace, type Pace } from '../services/pace.ts'
import { detachBody } from './detached-body.ts'
import { createSizeTap } from './multipart-size.ts'
import { cleanFilename, parseUploadFields, UPLOAD_FIELD_NAMES, type UploadFields } from './schemas.ts'

export interface UploadBody {
  readonly fields: UploadFields
  readonly filename: string | null
  readonly body: Readable
  /** The recording's size, where the request tells its length. */
  readonly size: ObjectSize | undefined
}

/** A client that is waited for: for how long in all, and for how long in silence. */
export interface Patience {
  readonly uploadTimeoutS: number
  readonly uploadStallS: number
  readonly uploadMinBytesPerS: number
}

export interface Waiting {
  /** Aborts, with what to answer, when the client goes before its request has ended, or is not waited for any longer. */
  readonly signal: AbortSignal
  readonly pace: Pace
  /** When the answer is known: the request's own end may come much later, or never be told. */
  end(): void
}

/** What is read and thrown away after a refusal, so that the client gets to read the answer. */
const DRAIN_BYTES = 16 * 1024 * 1024
const DRAIN_MS = 10_000

export const MULTIPART_LIMITS = {
  files: 1,
  fields: 20,
  fieldSize: 8 * 1024,
  fileSize: Number.MAX_SAFE_INTEGER,
  parts: 21,
  headerPairs: 50,
} as const

/** The head of a multipart request is waited for like any other of its bytes. */
export async function openUpload(
  request: FastifyRequest,
  { signal, pace }: Pick<Waiting, 'signal' | 'pace'>,
  callbackRules: CallbackUrlRules = {},
): Promise<UploadBody> {
  if (!request.isMultipart()) return openRaw(request, callbackRules)
  pace.waiting()
  try {
    return await unlessAborted(signal, openMultipart(request, callbackRules))
  } finally {
    pace.received(0)
  }
}

export function waitForUpload(request: FastifyRequest, patience: Patience): Waiting {
  const controller = new AbortController()
  const { uploadTimeoutS, uploadStallS: stallS, uploadMinBytesPerS: minBytesPerS } = patience
  const timer = setTimeout(() => {
    const detail = 'The upload took longer than is allowed. Send it again over a faster connection.'
    controller.abort(new AppError('upload-expired', detail))
  }, uploadTimeoutS * 1000)
  const onClose = (): void => {
    clearTimeout(timer)
    if (!request.raw.complete) controller.abort(brokenOff())
  }
  request.raw.once('close', onClose)
  // The client may have gone while its limits were looked at: then nobody tells of it any more.
  if (request.raw.destroyed) onClose()
  const pace = createPace({ stallS, minBytesPerS }, () => {
    const detail = `Less than ${minBytesPerS} bytes a second came. Send it again over a faster connection.`
    controller.abort(new AppError('upload-too-slow', detail))
  })
  return { signal: controller.signal, pace, end: () => clearTimeout(timer) }
}

/** The outcome of the work, or the signal's reason as soon as it aborts: a client that stalls is not waited for. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const over = new AbortController()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { signal: over.signal })
  try {
    return await Promise.race([work, aborted])
  } finally {
    // A reason of our own: Node's default is an exception with its stack, made for each upload.
    over.abort('over')
  }
}

function brokenOff(cause?: unknown): AppError {
  return new AppError('upload-aborted', 'The connection ended before the whole file had arrived', { cause })
}

/**
 * Lets go of what is left of a refused request while the connection stays open, so that a client that sends before it
 * reads gets to read the answer; one that goes on for too long is cut.
 */
export function drain(request: FastifyRequest): void {
  const { raw } = request
  if (raw.complete) return
  const cut = (): void => {
    raw.destroy()
  }
  const timer = setTimeout(cut, DRAIN_MS).unref()
  let drained = 0
  raw.unpipe()
  raw.on('data', (chunk: Buffer) => {
    drained += chunk.length
    if (drained > DRAIN_BYTES) cut()
  })
  raw.once('close', () => clearTimeout(timer))
  raw.resume()
}

function openRaw(request: FastifyRequest, callbackRules: CallbackUrlRules): UploadBody {
  const fields = parseUploadFields(request.query as Record<string, unknown>, callbackRules)
  const body = detachBody(request.raw, { toError: brokenOff })
  return { fields, filename: fields.filename, body, size: sizeOf(request) }
}

async function openMultipart(request: FastifyRequest, callbackRules: CallbackUrlRules): Promise<UploadBody> {
  const given: Record<string, unknown> = { ...(request.query as Record<string, unknown>) }
  const parts = request.parts({ limits: MULTIPART_LIMITS })[Symbol.asyncIterator]()
  const first = parts.next()
  const tap = createSizeTap(request.raw)
  const file = await readable(request, async () => {
    for (let next = first; ; next = parts.next()) {
      const { value: part, done } = await next
      if (done === true) throw new AppError('upload-no-file', 'Send the recording as a multipart part named file.')
      if (part.type === 'file') return part
      const value = typeof part.value === 'object' ? JSON.stringify(part.value) : part.value
      given[part.fieldname] = part.fieldname in given ? [given[part.fieldname], value] : value
    }
  })
  if (file.fieldname !== 'file') {
    throw new AppError('upload-no-file', `The recording’s part is named ${nameOfPart(file)}; name it file.`)
  }
  const fields = parseUploadFields(given, callbackRules)
  const filename = fields.filename ?? cleanFilename(file.filename ?? '')
  return { fields, filename, body: wholeBody(request, file, parts), size: tap.fileSize() }
}

/** Of a raw body. */
export function sizeOf({ headers }: FastifyRequest): ObjectSize | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : { bytes: Number(length), exact: true }
}

/** The file's bytes; it ends only when the request has ended well, so that nothing is stored of a malformed one. */
function wholeBody(
  request: FastifyRequest,
  { file }: MultipartFile,
  parts: AsyncIterator<{ type: string; fieldname: string }>,
): Readable {
  return detachBody(file, {
    toError: (broken) => asMultipartError(request, broken),
    atEnd: () => readable(request, () => refuseLateParts(parts)),
  })
}

async function refuseLateParts(parts: AsyncIterator<{ type: string; fieldname: string }>): Promise<void> {
  for (;;) {
    const { value: part, done } = await parts.next()
    if (done === true) return
    if (UPLOAD_FIELD_NAMES.includes(part.fieldname)) {
      throw new AppError(
        'upload-field-late',
        `Send the field ${part.fieldname} before the file, or as a query parameter.`,
      )
    }
  }
}

async function readable<T>(request: FastifyRequest, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw asMultipartError(request, error)
  }
}

/** As it may be shown. A part may have no name at all, whatever the parser's types say. */
export function nameOfPart({ fieldname }: { readonly fieldname: string | undefined }): string {
  return JSON.stringify((fieldname ?? '').slice(0, 50))
}

/** What went wrong in a multipart body, as one of our errors. */
export function asMultipartError(request: FastifyRequest, error: unknown): AppError {
  if (error instanceof AppError) return error
  if (request.raw.destroyed && !request.raw.complete) {
    return brokenOff(error)
  }
  const { code, message } = error as { code?: string; message?: string }
  if (code === 'FST_FILES_LIMIT')
    return new AppError('upload-malformed', 'Send one recording per request.', { cause: error })
  return new AppError('upload-malformed', `The multipart body cannot be read: ${message ?? 'unknown reason'}`, {
    cause: error,
  })
}
