/** The parts of a `PUT /v1/tokens/{token_id}`, one after the other as they come in. */
import { finished, PassThrough } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { AppError } from '../domain/errors.ts'
import { REFERENCE_KINDS, type ReferenceKind } from '../domain/reference.ts'
import type { ReferencePart } from '../services/store-reference.ts'
import { asMultipartError, MULTIPART_LIMITS, nameOfPart, sizeOf } from './upload-body.ts'

export async function* openReferenceParts(request: FastifyRequest): AsyncGenerator<ReferencePart> {
  const seen = new Set<ReferenceKind>()
  const maxBytes = sizeOf(request)?.bytes
  try {
    for await (const part of request.parts({ limits: { ...MULTIPART_LIMITS, files: REFERENCE_KINDS.length } })) {
      const kind = REFERENCE_KINDS.find((name) => name === part.fieldname)
      if (kind === undefined || part.type !== 'file') throw unknownPart(part)
      if (seen.has(kind)) throw new AppError('upload-malformed', `Send ${kind} once.`)
      seen.add(kind)
      const body = new PassThrough()
      // Told also of what has failed before anybody reads it, as a small request that is cut short has.
      finished(part.file, (broken) => broken && body.destroy(asMultipartError(request, broken)))
      yield { kind, body: part.file.pipe(body), maxBytes }
    }
  } catch (error) {
    throw asMultipartError(request, error)
  }
}

function unknownPart(part: { readonly fieldname: string; readonly type: string }): AppError {
  const shown = nameOfPart(part)
  const detail = part.type === 'file' ? `There is no part ${shown}` : `The part ${shown} is not a file`
  return new AppError('upload-malformed', `${detail}: send ${REFERENCE_KINDS.join(', ')}, each as a file.`)
}
