import type { FastifyBaseLogger } from 'fastify'
import type { Config } from './config.ts'
import type { Ports } from './ports.ts'
import type { Runtime } from './runtime.ts'
import type { MetricsRegistry } from './telemetry/metrics.ts'

/** What every role is given. */
export interface RoleContext extends Runtime {
  readonly config: Config
  readonly ports: Ports
  readonly metrics: MetricsRegistry
  readonly logger: FastifyBaseLogger
  readonly analysisThreads: number
  /** Told the address once the API listens. */
  readonly onListening?: (url: string) => void
}
