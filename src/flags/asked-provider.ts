/**
 * The OpenFeature client and the provider behind it: ours, which answers from memory, or a company's own, which may fail,
 * hang or answer nonsense. Then our own flag as last known decides, else `USE_QUEUE_SYSTEM`; a provider that hangs is left
 * alone for a while, so that uploads do not wait for it one by one.
 */
import { randomUUID } from 'node:crypto'
import { type EvaluationDetails, NOOP_PROVIDER, OpenFeature } from '@openfeature/server-sdk'
import type { RouteDecision } from '../domain/cutover.ts'
import { ROUTE_REASONS } from '../domain/job.ts'
import type { CutoverSettings } from '../ports/cutover.ts'
import type { Log } from '../ports.ts'
import { createCutoverProvider, decideByFlag, FLAG_KEY } from './cutover-provider.ts'
import type { FlagCache } from './flag-cache.ts'
import { importProvider } from './foreign-provider.ts'
import { toProviderLogger } from './provider-logger.ts'
import { within } from './within.ts'

export interface ProviderOptions {
  readonly flag: Pick<FlagCache, 'known'>
  readonly settings: Pick<CutoverSettings, 'defaultPercent' | 'provider'>
  readonly log: Pick<Log, 'debug' | 'info' | 'warn' | 'error'>
  /** Longest wait for an answer of a company's provider. Default 100. */
  readonly answerMs?: number
  /** How long it is left alone after it hung. Default 3,000. */
  readonly leaveMs?: number
  /** Longest wait for it to open; after that it is used once it has. Default 2,000. */
  readonly startMs?: number
}

export interface AskedProvider {
  /** Throws an Error when `FLAG_PROVIDER` names no module that makes providers. */
  open(): Promise<void>
  /** Never throws. */
  decide(owner: string): Promise<RouteDecision>
  close(): void
}

const MAX_VERSION = 2 ** 31 - 1

export function createAskedProvider(options: ProviderOptions): AskedProvider {
  const { flag, settings, log, answerMs = 100, leaveMs = 3_000, startMs = 2_000 } = options
  const { defaultPercent, provider: foreign } = settings
  // The API is one for the whole process: a domain of its own keeps this provider apart from all others.
  const domain = `tonewire-${randomUUID()}`
  const client = OpenFeature.getClient(domain).setLogger(toProviderLogger(log))
  let leftAloneUntilMs = 0
  let isFailing = false

  const byOwnFlag = (owner: string) => decideByFlag(owner, flag.known(), defaultPercent)

  async function ask(owner: string): Promise<RouteDecision> {
    const asked = client.getBooleanDetails(FLAG_KEY, byOwnFlag(owner).route === 'queue', { targetingKey: owner })
    // Ours answers from memory: there is nothing to wait for.
    const details = foreign === null ? await asked : await within(asked, answerMs)
    if (details !== undefined) return readDetails(details, foreign !== null)
    leftAloneUntilMs = performance.now() + leaveMs
    throw new Error(`No answer within ${answerMs} ms`)
  }

  return {
    async open() {
      const own = createCutoverProvider({ known: flag.known, defaultPercent })
      if (foreign === null) return OpenFeature.setProviderAndWait(domain, own)
      const createProvider = await importProvider(foreign)
      const opened = Promise.resolve()
        .then(createProvider)
        .then((provider) => OpenFeature.setProviderAndWait(domain, provider))
        .catch((error: unknown) => log.warn({ provider: foreign, err: error }, 'flag provider not opened'))
      await within(opened, startMs)
    },
    async decide(owner) {
      if (performance.now() < leftAloneUntilMs) return byOwnFlag(owner)
      try {
        const decision = await ask(owner)
        isFailing = false
        return decision
      } catch (error) {
        if (!isFailing) log.warn({ provider: foreign, err: error }, 'flag provider failed; the last known flag decides')
        isFailing = true
        return byOwnFlag(owner)
      }
    },
    close() {
      // Whichever was there is told to close.
      OpenFeature.setProvider(domain, NOOP_PROVIDER)
    },
  }
}

/** Throws for what is no answer: an error, or a value that is neither true nor false. */
function readDetails(details: EvaluationDetails<boolean>, isForeign: boolean): RouteDecision {
  const { value, errorCode, errorMessage, reason: how, flagMetadata } = details
  if (errorCode !== undefined || how === 'ERROR')
    throw new Error(errorMessage ?? errorCode ?? 'An error without a name')
  if (typeof value !== 'boolean') throw new Error(`The answer is neither true nor false but ${typeof value}`)
  const { version, reason } = flagMetadata
  const isVersion = Number.isInteger(version) && Number(version) >= 0 && Number(version) <= MAX_VERSION
  const own = ROUTE_REASONS.find((each) => each === reason)
  return {
    route: value ? 'queue' : 'direct',
    reason: isForeign ? 'provider' : (own ?? 'default'),
    flagVersion: isVersion ? Number(version) : null,
  }
}
