/** What one owner may take of the API: requests per second, bytes, concurrent uploads, unfinished jobs. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../domain/errors.ts'
import type { Entered, Lease, Taken } from '../ports/limits.ts'
import type { Ports } from '../ports.ts'
import { ownerOf } from './auth.ts'
import type { App } from './dependencies.ts'
import { drain } from './upload-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Takes its request by itself, together with what its upload takes: see `registerUploadLimits`, which says so. */
    entersUpload?: boolean
  }
}

/** Every request with an owner takes one; to be registered after authentication. */
export function registerLimits(app: App, { limits }: Pick<Ports, 'limits'>): void {
  app.addHook('onRequest', async (request, reply) => {
    const { public: isPublic, entersUpload } = request.routeOptions.config
    if (isPublic || entersUpload || request.is404) return
    await takeRequest(limits, request, reply)
  })
}

async function takeRequest(limits: Ports['limits'], request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const taken = await limits.take(ownerOf(request), { requests: 1 })
  tell(reply, taken)
  if (taken.allowed) return
  drain(request)
  throw tooManyRequests(taken.retryAfterS)
}

function tooManyRequests(retryAfterS: number): AppError {
  const detail = `You sent more requests than your limit allows. Send the next one in ${retryAfterS} s.`
  return new AppError('rate-limited', detail, { retryAfterS })
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-06, section 3; nothing where there is no limit to tell. */
function tell(reply: FastifyReply, { limit, windowS, remaining, resetS }: Taken): void {
  if (limit === 0) return
  reply.header('ratelimit-policy', `${limit};w=${windowS}`)
  reply.header('ratelimit-limit', String(limit))
  reply.header('ratelimit-remaining', String(remaining))
  reply.header('ratelimit-reset', String(resetS))
}

export interface UploadLimitDependencies {
  readonly ports: Pick<Ports, 'limits' | 'jobs'>
  /** 0 or nothing: no limit. Uploads that begin together may pass it together. */
  readonly maxUnfinishedJobs?: number
}

/**
 * Every route of this app is an upload: it is admitted before its body is asked for, and its place is given back when
 * the answer was sent or the connection ended. To be registered before the routes. What `checkAnnounced` throws refuses
 * an upload before it is charged any bytes; the other refusals are `rate-limited`, `too-many-uploads` and
 * `too-many-jobs`, each with its Retry-After, and `database-unavailable`. Each refusal costs the one request that it is.
 */
export function registerUploadLimits(
  app: App,
  { ports, maxUnfinishedJobs = 0 }: UploadLimitDependencies,
  checkAnnounced: (request: FastifyRequest) => void = () => {},
): void {
  const { limits, jobs } = ports
  const checkUnfinished = createUnfinishedCheck(jobs, maxUnfinishedJobs)
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, entersUpload: true }
  })
  app.addHook('onRequest', async (request, reply) => {
    const owner = ownerOf(request)
    let isCharged = false
    try {
      checkAnnounced(request)
      const bytes = announcedBytes(request)
      const unannouncedBytes = countUnannounced(request, bytes)
      const entered = await limits.enter(owner, { requests: 1, bytes })
      tell(reply, entered.taken)
      isCharged = 'lease' in entered || entered.refusedBy === 'requests'
      if (!('lease' in entered)) throw refusalOf(entered)
      // Only now: whoever sends too many requests must not reach the database with them.
      await unlessRefused(checkUnfinished(owner), entered.lease, bytes)
      leaveAtEnd(reply, entered.lease, unannouncedBytes)
    } catch (error) {
      drain(request)
      if (!isCharged) await takeRequest(limits, request, reply)
      throw error
    }
  })
}

async function unlessRefused(check: Promise<void>, lease: Lease, bytes: number): Promise<void> {
  try {
    await check
  } catch (error) {
    await lease.leave(-bytes)
    throw error
  }
}

function leaveAtEnd({ raw }: FastifyReply, lease: Lease, unannouncedBytes: () => number): void {
  const leave = () => void lease.leave(unannouncedBytes())
  raw.once('finish', leave).once('close', leave)
  // The client may have gone while the limits were looked at.
  if (raw.destroyed) leave()
}

const MANY_UPLOADS = 'You have as many uploads under way as you may. Wait for one to end.'

function refusalOf({ refusedBy, retryAfterS }: Exclude<Entered, { lease: Lease }>): AppError {
  if (refusedBy === 'requests') return tooManyRequests(retryAfterS)
  if (refusedBy === 'uploads') return new AppError('too-many-uploads', MANY_UPLOADS, { retryAfterS })
  const detail = `You sent more bytes than your limit allows. Go on in ${retryAfterS} s.`
  return new AppError('rate-limited', detail, { retryAfterS })
}

/** Answers, once the upload has ended, how many bytes came beyond those announced: negative when fewer did. */
function countUnannounced({ raw }: FastifyRequest, announced: number): () => number {
  const before = raw.socket.bytesRead
  return () => {
    // The socket saw what was sent, but for what came with the headers; a whole body is what was announced.
    const isWhole = raw.complete && announced > 0
    return isWhole ? 0 : raw.socket.bytesRead - before - announced
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
