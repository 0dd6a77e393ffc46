/** What the role `reconcile` does: loops side by side, so that none keeps another waiting; each safe on many instances. */
import { directWaitS } from './domain/explain-direct.ts'
import { pause, unlessAborted } from './queues/pause.ts'
import type { RoleContext } from './role-context.ts'
import { collectDeadLetters } from './services/collect-dead-letters.ts'
import { deleteOwners } from './services/delete-owner.ts'
import { deliverCallbacks } from './services/deliver-callbacks.ts'
import { guardCutover } from './services/guard-cutover.ts'
import { purgeJobs } from './services/purge-jobs.ts'
import { reconcile } from './services/reconcile.ts'
import { reconcileDirect } from './services/reconcile-direct.ts'
import { sweepObjects } from './services/sweep-objects.ts'

/** Beyond the longest upload: what is younger than a day is swept in no case. */
const SWEEP_MARGIN_S = 3600
/** Above what a process remembers of a key that has ended. */
const SETTLE_S = 15

/** Runs until the signal aborts; rejects with the first that fails. */
export async function runReconcileRole(context: RoleContext): Promise<void> {
  await Promise.all([
    runReconciler(context),
    runDirectReconciler(context),
    runUpkeep(context),
    runCallbacks(context),
    runGuard(context),
    collectDeadLetters(context.ports, context),
  ])
}

async function runReconciler({ ports, config, signal, release, logger }: RoleContext): Promise<void> {
  const { stalledAfterS: waitingS, inFlightCheckS: inFlightS, maxJobAgeS: maxAgeS } = config
  while (!signal.aborted) {
    try {
      await unlessAborted(reconcile(ports, { waitingS, inFlightS, maxAgeS, signal }), release)
    } catch (error) {
      logger.warn({ err: error }, 'reconciler pass broken off')
    }
    await pause(config.reconcileIntervalS * 1000, signal)
  }
}

/** Apart from the reconciler: an analysis server that hangs must not keep a stalled job of the queue waiting. */
async function runDirectReconciler({ ports, config, signal, release, logger }: RoleContext): Promise<void> {
  const waitingS = directWaitS(config)
  while (!signal.aborted) {
    try {
      await reconcileDirect(ports, { waitingS, answerS: config.directAnswerTimeoutS, signal, release })
    } catch (error) {
      logger.warn({ err: error }, 'reconciler pass of the direct route broken off')
    }
    await pause(config.reconcileIntervalS * 1000, signal)
  }
}

/**
 * Apart from the reconciler: a long sweep must not keep a stalled job waiting. Every step of it may be repeated: one that
 * an outage holds up beyond the time to stop is left where it is.
 */
async function runUpkeep({ ports, config, signal, release, logger }: RoleContext): Promise<void> {
  const graceS = Math.max(86_400, config.uploadTimeoutS + SWEEP_MARGIN_S)
  while (!signal.aborted) {
    try {
      await unlessAborted(deleteOwners(ports, { settleS: SETTLE_S, signal }), release)
      await unlessAborted(purgeJobs(ports, { retentionDays: config.retentionDays, signal }), release)
      await unlessAborted(sweepObjects(ports, { intervalS: config.sweepIntervalS, graceS, signal }), release)
    } catch (error) {
      logger.warn({ err: error }, 'upkeep pass broken off')
    }
    await pause(Math.min(config.sweepIntervalS, config.reconcileIntervalS) * 1000, signal)
  }
}

function runCallbacks({ ports, config, signal, release }: RoleContext): Promise<void> {
  const pollMs = Math.min(1, config.reconcileIntervalS) * 1000
  return deliverCallbacks(ports, { pollMs }, signal, release)
}

/** Apart from the reconciler too: a step is taken back however much there is to reconcile. */
async function runGuard({ ports, config, signal, logger }: RoleContext): Promise<void> {
  const intervalS = config.guardIntervalS
  while (!signal.aborted) {
    try {
      await guardCutover(ports, { intervalS, signal })
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error }, 'guard pass broken off')
    }
    await pause(intervalS * 1000, signal)
  }
}
