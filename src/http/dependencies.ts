/** What the HTTP layer is given; nothing in it reaches out by itself. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { CallbackUrlRules } from '../domain/callback-url.ts'
import type { CutoverSettings } from '../ports/cutover.ts'
import type { Ports } from '../ports.ts'
import type { UploadLimits } from '../services/accept-upload.ts'
import type { TellRules } from '../services/tell-timeline.ts'
import type { Auth, AuthOptions } from './auth.ts'
import type { HealthDependencies } from './routes/health.ts'
import type { ServerLimits } from './server-limits.ts'
import type { StreamLimits, StreamRegistry } from './stream-registry.ts'
import type { Patience } from './upload-body.ts'

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface WebhookOptions {
  /** Known to this API and the analysis server; without it no signature holds. */
  readonly secret: string | undefined
  /** Addresses whose unsigned answers are taken; default none. */
  readonly allowUnsignedFrom: string | undefined
}

export interface AppOptions extends HealthDependencies {
  readonly ports: Ports
  readonly limits: UploadLimits & Patience
  readonly auth: AuthOptions
  readonly logger: FastifyBaseLogger
  /** By which timelines say what comes next. */
  readonly rules: TellRules
  /** Default: those of `server-limits.ts`. */
  readonly server?: ServerLimits
  /** Default: those of `stream-registry.ts`. */
  readonly streamLimits?: StreamLimits
  /** Of one owner; 0 or nothing is no limit. */
  readonly maxUnfinishedJobs?: number
  /** Seconds a recording may take that goes straight to S3 (default 3600). */
  readonly directUploadTimeoutS?: number
  /** Origins whose pages may call (default none). */
  readonly corsOrigins?: readonly string[]
  /** What the environment says of the cutover; default: nothing, everybody takes the queue. */
  readonly cutover?: CutoverSettings
  /** What a client's `callback_url` may be. */
  readonly callbackRules?: CallbackUrlRules
  /** Whose answers are taken from the direct route; by default nobody's. */
  readonly webhook?: WebhookOptions
  /** Owner of uploads to the existing endpoint that come without a key; by default they are refused. */
  readonly legacyUploadOwner?: string | undefined
}

export interface AppDependencies extends Omit<AppOptions, 'auth'> {
  readonly auth: Auth
  readonly streams: StreamRegistry
  /** Aborts when the server closes: whoever waits is answered. */
  readonly closing: AbortSignal
}
