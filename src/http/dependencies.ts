/** What the HTTP layer is given; nothing in it reaches out by itself. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { Ports } from '../ports.ts'
import type { UploadLimits } from '../services/accept-upload.ts'
import type { HealthDependencies } from './routes/health.ts'
import type { StreamRegistry } from './sse.ts'

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface AppOptions extends HealthDependencies {
  readonly ports: Ports
  readonly limits: UploadLimits
  readonly logger: FastifyBaseLogger
}

export interface AppDependencies extends AppOptions {
  readonly streams: StreamRegistry
}
