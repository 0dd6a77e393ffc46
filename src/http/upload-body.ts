/**
 * The recording in a request, as one stream, whichever way it came. The stream can be destroyed without harming the
 * socket, so that a refusal still reaches the client; the rest of the request is then drained.
 */
import { PassThrough, type Readable } from 'node:stream'
import type { MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { AppError } from '../domain/errors.ts'
import { cleanFilename, parseUploadFields, UPLOAD_FIELD_NAMES, type UploadFields } from './schemas.ts'

export interface UploadBody {
  readonly fields: UploadFields
  readonly filename: string | null
  readonly body: Readable
  /** A lower bound of the recording's size, where the request tells its length. */
  readonly announcedBytes: number | undefined
}

/** Most that a multipart request may add around its file. */
const MULTIPART_OVERHEAD_BYTES = 64 * 1024
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

export async function openUpload(request: FastifyRequest): Promise<UploadBody> {
  return request.isMultipart() ? openMultipart(request) : openRaw(request)
}

/** Aborts, with what to answer, when the client goes before its request has ended or takes longer than it may. */
export function uploadSignal(request: FastifyRequest, timeoutS: number): AbortSignal {
  const controller = new AbortController()
  const timer = setTimeout(() => {
    const detail = 'The upload took longer than is allowed. Send it again over a faster connection.'
    controller.abort(new AppError('upload-expired', detail))
  }, timeoutS * 1000)
  request.raw.once('close', () => {
    clearTimeout(timer)
    if (!request.raw.complete) controller.abort(brokenOff())
  })
  return controller.signal
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
    over.abort()
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

function openRaw(request: FastifyRequest): UploadBody {
  const fields = parseUploadFields(request.query as Record<string, unknown>)
  const length = Number(request.headers['content-length'])
  const body = new PassThrough()
  request.raw.on('error', (error) => body.destroy(brokenOff(error)))
  request.raw.pipe(body)
  return { fields, filename: fields.filename, body, announcedBytes: Number.isFinite(length) ? length : undefined }
}

async function openMultipart(request: FastifyRequest): Promise<UploadBody> {
  const given: Record<string, unknown> = { ...(request.query as Record<string, unknown>) }
  const parts = request.parts({ limits: MULTIPART_LIMITS })[Symbol.asyncIterator]()
  const file = await readable(request, async () => {
    for (;;) {
      const { value: part, done } = await parts.next()
      if (done === true) throw new AppError('upload-no-file', 'Send the recording as a multipart part named file.')
      if (part.type === 'file') return part
      given[part.fieldname] = part.fieldname in given ? [given[part.fieldname], part.value] : part.value
    }
  })
  if (file.fieldname !== 'file') {
    throw new AppError(
      'upload-no-file',
      `The recording’s part is named ${JSON.stringify(file.fieldname.slice(0, 50))}; name it file.`,
    )
  }
  const fields = parseUploadFields(given)
  const length = Number(request.headers['content-length'])
  const announced = Number.isFinite(length) ? Math.max(0, length - MULTIPART_OVERHEAD_BYTES) : undefined
  const filename = fields.filename ?? cleanFilename(file.filename ?? '')
  return { fields, filename, body: wholeBody(request, file, parts), announcedBytes: announced }
}

/** The file's bytes; it ends only when the request has ended well, so that nothing is stored of a malformed one. */
function wholeBody(
  request: FastifyRequest,
  { file }: MultipartFile,
  parts: AsyncIterator<{ type: string; fieldname: string }>,
): Readable {
  const body = new PassThrough()
  file.on('error', (error) => body.destroy(asMultipartError(request, error)))
  file.on('end', () => {
    readable(request, () => refuseLateParts(parts)).then(
      () => body.end(),
      (error: Error) => body.destroy(error),
    )
  })
  file.pipe(body, { end: false })
  return body
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
