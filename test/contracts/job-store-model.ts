import assert from 'node:assert/strict'
import { canAdvance, isTerminal, JOB_STATUSES, type Job, progressOnEntering, rankOf } from '../../src/domain/job.ts'
import type { Advanced, JobStore, StatusChange } from '../../src/ports.ts'
import { changeTo, newJob } from './job-store-suite.ts'
import { createRandom } from './progress-log-property.ts'

/** What a writer asks of one job: the next attempt, or a status. */
type Step = { readonly kind: 'restart'; readonly jobId: string; readonly attempt: number } | Change
type Change = { readonly kind: 'advance' } & StatusChange
type Answered = { readonly step: Step; readonly answer: Advanced }
type State = Pick<Job, 'attempt' | 'status' | 'progress'>

const JOBS = 4

/**
 * Several writers at once move a few jobs at random: late, early and duplicate results, cancels, failures, restarts of
 * any attempt, in batches and alone. Whatever order the store puts them in, what it says moved has to be a walk of the
 * model from the row before to the row after, and what it says did not has to be of no use afterwards.
 */
export async function moveAtRandom(
  writers: readonly JobStore[],
  { seed, rounds }: { seed: number; rounds: number },
): Promise<{ ends: number }> {
  const random = createRandom(seed)
  const store = writers[0]!
  const make = () => store.create(newJob())
  const jobs = await Promise.all(Array.from({ length: JOBS }, make))
  let ends = 0
  for (let round = 0; round < rounds; round += 1) {
    if (random() < 0.3) jobs[round % JOBS] = await make()
    const asked = writers.map(() => askAtRandom(jobs, random))
    // Now and then two say the same.
    if (random() < 0.3) asked[1] = asked[0]!
    const answered = (await Promise.all(writers.map((writer, i) => apply(writer, asked[i]!)))).flat()
    const rows = await store.findMany(jobs.map(({ jobId }) => jobId))
    for (const [i, before] of jobs.entries()) {
      const after = rows.find(({ jobId }) => jobId === before.jobId)
      assert.ok(after)
      const steps = answered.filter(({ step }) => step.jobId === before.jobId)
      ends += assertWalk(before, after, steps)
      jobs[i] = after
    }
  }
  return { ends }
}

function askAtRandom(jobs: readonly Job[], random: () => number): Step[] {
  const attemptOf = (job: Job) => Math.max(1, job.attempt + Math.floor(random() * 3) - 1)
  const some = jobs.filter(() => random() < 0.5)
  return some.map((job): Step => {
    const { jobId } = job
    if (random() < 0.25) return { kind: 'restart', jobId, attempt: attemptOf(job) }
    const to = JOB_STATUSES[1 + Math.floor(random() * (JOB_STATUSES.length - 1))]!
    return { kind: 'advance', ...changeTo(jobId, to, { attempt: attemptOf(job) }) }
  })
}

async function apply(store: JobStore, steps: readonly Step[]): Promise<Answered[]> {
  const changes = steps.filter((step) => step.kind === 'advance')
  const advanced = store.advance(changes)
  const others = steps.filter((step) => step.kind === 'restart')
  const restarted = others.map(({ jobId, attempt }) => store.restart(jobId, attempt))
  const answers = await Promise.all([advanced, Promise.all(restarted)])
  return [...changes, ...others].map((step, i) => ({ step, answer: answers.flat()[i]! }))
}

function applies(state: State, step: Step): boolean {
  if (state.attempt !== step.attempt) return false
  return step.kind === 'restart' ? state.status === 'failed' : canAdvance(state.status, step.to)
}

function moved(state: State, step: Step): State {
  if (step.kind === 'restart') return { attempt: state.attempt + 1, status: 'stored', progress: 25 }
  const progress = Math.max(state.progress, progressOnEntering(step.to, state.progress))
  return { attempt: state.attempt, status: step.to, progress }
}

function stateOf({ attempt, status, progress }: Job): State {
  return { attempt, status, progress }
}

/** Says how many attempts have ended on the way. */
function assertWalk(before: Job, after: Job, steps: readonly Answered[]): number {
  const place = ({ step }: Answered): number =>
    step.kind === 'restart' ? (step.attempt + 1) * 10 : step.attempt * 10 + rankOf(step.to)
  const walked = steps.filter(({ answer }) => answer.moved).sort((a, b) => place(a) - place(b))
  let state = stateOf(before)
  for (const { step } of walked) {
    assert.ok(applies(state, step), `${JSON.stringify(step)} moved ${JSON.stringify(state)}`)
    state = moved(state, step)
  }
  assert.deepEqual(stateOf(after), state, 'the row is where the last step has left it')
  assert.equal(after.finishedAt !== null, isTerminal(after.status))
  for (const { step, answer } of steps.filter((one) => !one.answer.moved)) {
    assert.equal(answer.job?.jobId, step.jobId)
    // One that came before the attempt, or the failure, that it is for was early, and is not of the model.
    const early = step.attempt > before.attempt || (step.kind === 'restart' && walked.length > 0)
    assert.ok(early || !applies(after, step), `${JSON.stringify(step)} did not move ${JSON.stringify(state)}`)
  }
  return walked.filter(({ step }) => step.kind === 'advance' && isTerminal(step.to)).length
}
