/** What a process can be. Each role runs until its signal aborts, and resolves when what it held is settled. */
import { type BootstrapKey, type Config, parseAllowedPrefixes, parseBootstrapKeys, parseOrigins } from './config.ts'
import { cutoverSettingsOf } from './cutover-settings.ts'
import { hashKey } from './domain/api-key.ts'
import type { CallbackUrlRules } from './domain/callback-url.ts'
import { createApp, createOpsApp } from './http/app.ts'
import type { AuthOptions } from './http/auth.ts'
import type { App } from './http/dependencies.ts'
import type { HealthDependencies } from './http/routes/health.ts'
import type { Ports, QueuedJob } from './ports.ts'
import { aborted, pause } from './queues/pause.ts'
import { runReconcileRole } from './reconcile-role.ts'
import type { RoleContext } from './role-context.ts'
import type { Runtime } from './runtime.ts'
import { analyseRecording } from './services/analyse-recording.ts'
import { buryingForwards } from './services/collect-dead-letters.ts'
import { forwardJob } from './services/forward-job.ts'
import { createForwardWindow } from './services/forward-window.ts'
import { createProgressThrottle, recordResult } from './services/record-result.ts'

export const WORKER_ROLES = ['forward', 'analyse', 'record', 'reconcile'] as const
export type WorkerRole = (typeof WORKER_ROLES)[number]
export type Role = 'api' | WorkerRole

export const ROLES: Readonly<Record<Role, (context: RoleContext) => Promise<void>>> = {
  api: runApi,
  forward: ({ ports, config, signal, release }) => consumeForwards(ports, config, { signal, release }),
  analyse: ({ ports, config, analysisThreads, signal, release }) =>
    ports.analysisQueue.consume((message) => analyseRecording(ports, message, analysisOptionsOf(config)), {
      concurrency: analysisThreads,
      signal,
      release,
      // A full disk and a results queue that takes nothing are outages too: they use up no receives.
      probe: async () => {
        await allOf(ports.jobs.check(), ports.objects.check(), ports.analyser.check())
        await ports.resultQueue.depth()
      },
    }),
  record: ({ ports, config, signal, release }) => {
    const mayTell = createProgressThrottle()
    return ports.resultQueue.consume((message) => recordResult(ports, message, mayTell), {
      concurrency: config.recordConcurrency,
      signal,
      release,
      // Of a large result the object is looked for.
      probe: () => allOf(ports.jobs.check(), ports.objects.check()),
    })
  },
  reconcile: runReconcileRole,
}

function consumeForwards(ports: Ports, config: Config, { signal, release }: Runtime): Promise<void> {
  const forward = buryingForwards(ports, (entry: QueuedJob) => forwardJob(ports, entry))
  const size = config.forwardWindow
  const perOwner = config.forwardWindowPerOwner || Math.ceil(size / 2)
  const { send, room } = createForwardWindow(ports, { size, perOwner, forward })
  return ports.jobQueue.consume(send, { concurrency: config.forwardConcurrency, signal, release, room })
}

/** Runs a worker, with its health and figures on OPS_PORT when that is set. */
export async function runWorker(role: WorkerRole, context: RoleContext): Promise<void> {
  const { config, logger, ports } = context
  if (config.opsPort === 0) return ROLES[role](context)
  const ops = createOpsApp({ ...healthOf(context, { database: () => ports.jobs.check() }), logger })
  await ops.listen({ port: config.opsPort, host: config.host })
  try {
    await ROLES[role](context)
  } finally {
    await ops.close()
  }
}

function analysisOptionsOf({ analysisAllowedS3Prefixes }: Config) {
  return { allowedPrefixes: parseAllowedPrefixes(analysisAllowedS3Prefixes) }
}

async function runApi(context: RoleContext): Promise<void> {
  const { config, ports, logger, signal } = context
  // First of all: it stops the start when FLAG_PROVIDER names no provider.
  await ports.router.ready()
  const checks = { database: () => ports.jobs.check(), storage: () => ports.objects.check() }
  const app = await createApp({
    ...healthOf(context, checks),
    ports,
    auth: authOptionsOf(config),
    limits: config,
    rules: config,
    server: config,
    maxUnfinishedJobs: config.maxUnfinishedJobsPerOwner,
    streamLimits: config,
    logger,
    callbackRules: callbackRulesOf(config),
    webhook: { secret: config.webhookSecret, allowUnsignedFrom: config.webhookAllowUnsignedFrom },
    legacyUploadOwner: config.legacyUploadOwner,
    cutover: cutoverSettingsOf(config),
    directUploadTimeoutS: config.directUploadTimeoutS,
    corsOrigins: parseOrigins(config.corsOrigins),
  })
  const keys = parseBootstrapKeys(config.bootstrapApiKeys)
  const made = await tryEnsureKeys(context, keys)
  await app.listen({ port: config.port, host: config.host })
  // Whoever has not finished by then is cut off: a client that stalls must not hold the whole process.
  context.release.addEventListener('abort', () => app.server.closeAllConnections(), { once: true })
  context.onListening?.(urlOf(app))
  if (!made) await ensureKeys(context, keys)
  await aborted(signal)
  await app.close()
  await ports.analysisServer.settle(context.release)
}

function authOptionsOf({ sessionSecret, jwtIssuer, jwtAudience, jwtOwnerClaim }: Config): AuthOptions {
  const complete = jwtIssuer !== undefined && jwtAudience !== undefined
  const accessTokens = complete ? { issuer: jwtIssuer, audience: jwtAudience, ownerClaim: jwtOwnerClaim } : undefined
  return { sessionSecret, accessTokens }
}

/** While the database is away the API is up, and not ready; its keys are made as soon as it is there. */
async function ensureKeys(context: RoleContext, keys: readonly BootstrapKey[]): Promise<void> {
  do {
    await pause(1_000, context.signal)
  } while (!context.signal.aborted && !(await tryEnsureKeys(context, keys)))
}

async function tryEnsureKeys({ ports, logger }: RoleContext, keys: readonly BootstrapKey[]): Promise<boolean> {
  let made = true
  for (const { owner, key, role } of keys) {
    try {
      await ports.keys.ensure({ owner, role, keyHash: hashKey(key), name: 'bootstrap' })
    } catch (error) {
      // The next one all the same: an owner who is being deleted holds up nobody else.
      made = false
      logger.warn({ owner, err: error }, 'bootstrap key not made yet')
    }
  }
  return made
}

function callbackRulesOf(config: Config): CallbackUrlRules {
  return { allowLoopback: config.callbackAllowLoopback === 'true' }
}

function healthOf({ config, metrics, signal }: RoleContext, checks: HealthDependencies['checks']): HealthDependencies {
  return {
    checks,
    isStopping: () => signal.aborted,
    renderMetrics: () => metrics.render(),
    metricsToken: config.metricsToken,
    onLoopback: /^(127\.|::1$|localhost$)/.test(config.host),
  }
}

async function allOf(...checks: Promise<void>[]): Promise<void> {
  await Promise.all(checks)
}

function urlOf(app: App): string {
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('The API does not listen on a port')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${host}:${address.port}`
}
