/** What one owner may take of the API: requests per second, bytes, concurrent uploads, unfinished jobs. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../domain/errors.ts'
import type { Lease, Taken } from '../ports/limits.ts'
import type { Ports } from '../ports.ts'
import { ownerOf } from './auth.ts'
import type { App } from './dependencies.ts'
import { drain } from './upload-body.ts'

/** Every request with an owner takes one; to be registered after authentication. */
export function registerLimits(app: App, { limits }: Pick<Ports, 'limits'>): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.public || request.is404) return
    const taken = await limits.take(ownerOf(request), { requests: 1 })
    tell(reply, taken)
    if (taken.allowed) return
    const detail = `You sent more requests than your limit allows. Send the next one in ${taken.retryAfterS} s.`
    drain(request)
    throw new AppError('rate-limited', detail, { retryAfterS: taken.retryAfterS })
  })
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-06, section 3; nothing where there is no limit to tell. */
function tell(reply: FastifyReply, { limit, windowS, remaining, resetS }: Taken): void {
  if (limit === 0) return
  reply.header('ratelimit-policy', `${limit};w=${windowS}`)
  reply.header('ratelimit-limit', String(limit))
  reply.header('ratelimit-remaining', String(remaining))
  reply.header('ratelimit-reset', String(resetS))
}

export interface UploadLease {
  /** Ends the upload; what really came is charged, where it is known. Never rejects, and need not be awaited. */
  leave(actualBytes?: number): Promise<void>
}

export interface UploadLimitDependencies {
  readonly ports: Pick<Ports, 'limits' | 'jobs'>
  /** 0 or nothing: no limit. Uploads that begin together may pass it together. */
  readonly maxUnfinishedJobs?: number
}

const MANY_UPLOADS = 'You have as many uploads under way as you may. Wait for one to end.'

/**
 * Admits uploads before their body is read. Throws `too-many-jobs`, `too-many-uploads` and `rate-limited`, each with
 * its Retry-After, and `database-unavailable`.
 */
export function openUploadLimits({ ports, maxUnfinishedJobs = 0 }: UploadLimitDependencies) {
  const checkUnfinished = createUnfinishedCheck(ports.jobs, maxUnfinishedJobs)
  return {
    async admit(request: FastifyRequest, owner: string): Promise<UploadLease> {
      await checkUnfinished(owner)
      const announced = announcedBytes(request)
      const entered = await ports.limits.enter(owner, announced)
      if ('lease' in entered) return countedLease(request, entered.lease, announced)
      const { refusedBy, retryAfterS } = entered
      const error =
        refusedBy === 'uploads'
          ? new AppError('too-many-uploads', MANY_UPLOADS, { retryAfterS })
          : new AppError('rate-limited', `You sent more bytes than your limit allows. Go on in ${retryAfterS} s.`, {
              retryAfterS,
            })
      throw error
    },
  }
}

/**
 * Every route of this app is an upload: it is admitted before its body is asked for, and its place is given back when
 * the answer was sent or the connection ended.
 */
export function registerUploadLimits(app: App, deps: UploadLimitDependencies): void {
  const limits = openUploadLimits(deps)
  app.addHook('onRequest', async (request, { raw }) => {
    try {
      const lease = await limits.admit(request, ownerOf(request))
      const leave = () => void lease.leave()
      raw.once('finish', leave).once('close', leave)
      // The client may have gone while the limits were looked at.
      if (raw.destroyed) leave()
    } catch (error) {
      drain(request)
      throw error
    }
  })
}

function countedLease({ raw }: FastifyRequest, lease: Lease, announced: number): UploadLease {
  const before = raw.socket.bytesRead
  return {
    leave: (actualBytes = 0) => {
      // The socket saw what was sent, but for what came with the headers; a whole body is what was announced.
      const received = Math.max(actualBytes, raw.socket.bytesRead - before)
      const whole = raw.complete && announced > 0
      return lease.leave(whole ? 0 : Math.round(received) - announced)
    },
  }
}

function announcedBytes({ headers }: FastifyRequest): number {
  const length = Number(headers['content-length'])
  return Number.isSafeInteger(length) && length > 0 ? length : 0
}

const JOBS_RETRY_S = 10
/** How long one count stands, at most. */
const COUNT_KEPT_MS = 1000
const OWNERS_KEPT = 10_000

/**
 * Counts rows, but not at each upload: of the room that one count found, a twentieth is given out without another, for
 * a second at most. So twenty processes together keep the limit, and a small limit is counted each time.
 */
function createUnfinishedCheck(jobs: Pick<Ports['jobs'], 'countUnfinished'>, most: number) {
  const kept = new Map<string, { room: number; until: number }>()
  return async (owner: string): Promise<void> => {
    if (most === 0) return
    const known = kept.get(owner)
    if (known !== undefined && known.room > 0 && known.until > performance.now()) {
      known.room -= 1
      return
    }
    const count = await jobs.countUnfinished(owner, most)
    if (count >= most) {
      const detail = `You have ${most} unfinished jobs, as many as you may. Wait until some have ended.`
      throw new AppError('too-many-jobs', detail, { retryAfterS: JOBS_RETRY_S })
    }
    if (kept.size >= OWNERS_KEPT) kept.clear()
    kept.set(owner, { room: Math.floor((most - count) / 20), until: performance.now() + COUNT_KEPT_MS })
  }
}
