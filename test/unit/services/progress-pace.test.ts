import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Job } from '../../../src/domain/job.ts'
import type { ProgressLog } from '../../../src/ports.ts'
import { analyseRecording } from '../../../src/services/analyse-recording.ts'
import { announceLater, createProgressReporter } from '../../../src/services/announce-upload.ts'
import { publishJobs } from '../../../src/services/publish-job.ts'
import { createProgressThrottle, recordResult } from '../../../src/services/record-result.ts'
import { addJob, createFakePorts, publishedSteps } from '../../support/fake-ports.ts'
import { messageFor } from '../../support/orders.ts'

const BUSY_MS = 1300
const MOST_PER_SECOND = 5

/** When each entry came, until the owner's log is left. */
async function createClocked(progress: ProgressLog) {
  const times: number[] = []
  const leave = await progress.subscribe('acme', { onEntry: () => times.push(performance.now()), onInterrupted() {} })
  const mostInASecond = () =>
    Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length))
  return { times, mostInASecond, leave }
}

/** Does something as often as it can be done in more than a second. */
async function keepAt(act: (share: number) => void): Promise<void> {
  const beganAt = performance.now()
  for (let share = 0; share < 1; share = (performance.now() - beganAt) / BUSY_MS) {
    act(share)
    await setImmediate()
  }
}

test('an analysis tells five times a second at most, however often its phases change', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'forwarded')
  const clocked = await createClocked(ports.progress)
  ports.analyser.next(async ({ onProgress, recording }) => {
    let words = 0
    await keepAt((share) => onProgress(share, `Phase ${words++}`))
    recording.destroy()
    return { durationS: 1, result: '{}' }
  })
  await analyseRecording(ports, messageFor(job))
  clocked.leave()
  assert.ok(clocked.times.length > 2)
  assert.ok(clocked.mostInASecond() <= MOST_PER_SECOND, String(clocked.times))
})

test('an upload is told of five times a second at most, with its first event', async () => {
  const ports = createFakePorts()
  const job = await addJob(ports, 'uploading')
  const clocked = await createClocked(ports.progress)
  const announcement = announceLater(ports, job)
  const report = createProgressReporter(ports, job, 1_000_000)
  await keepAt((share) => report(Math.round(share * 1_000_000)))
  announcement.cancel()
  clocked.leave()
  assert.ok(clocked.times.length > 2)
  assert.ok(clocked.mostInASecond() <= MOST_PER_SECOND, String(clocked.times))
})

test('somebody else’s analyser is told of five times a second at most for each job, and no status is left out', async () => {
  const ports = createFakePorts()
  const [one, other] = [await addJob(ports, 'forwarded'), await addJob(ports, 'forwarded', { owner: 'other' })]
  await publishJobs(ports, [one, other])
  let nowMs = 0
  const mayTell = createProgressThrottle(() => nowMs)
  const send = ({ jobId }: Job, answer: object): Promise<void> =>
    recordResult(ports, { body: JSON.stringify({ version: 1, job_id: jobId, attempt: 1, ...answer }) }, mayTell)
  for (; nowMs < 1000; nowMs += 50) {
    for (const job of [one, other]) await send(job, { type: 'progress', progress: 66 + nowMs / 50 })
  }
  nowMs -= 1
  await send(one, { type: 'completed', result: { version: 1 } })
  const steps = ['forwarded 60', 'analysing 66', 'analysing 71', 'analysing 76', 'analysing 81']
  assert.deepEqual(publishedSteps(ports, other), steps)
  assert.deepEqual(publishedSteps(ports, one), [...steps, 'completed 100'])
})
