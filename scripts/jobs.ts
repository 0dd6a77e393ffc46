/** `npm run jobs -- explain <job_id>`: what happened to a job, where it is, and what comes next. */
import { isUuid } from '../src/domain/ids.ts'
import { type JobAccess, jobsInDatabase, jobsOverHttp } from './jobs/job-access.ts'
import { type Command, type Given, runCommand } from './keys/run-command.ts'
import { UsageError } from './keys/usage-error.ts'

const COMMANDS: Readonly<Record<string, Command<JobAccess>>> = {
  explain: { usage: 'explain <job_id>', argument: 'job_id', options: {}, run: explain },
}

async function explain(access: JobAccess, { argument = '' }: Given) {
  const jobId = argument.toLowerCase()
  if (!isUuid(jobId)) throw new UsageError(`"${argument}" is not a job_id.`)
  const timeline = await access.timeline(jobId)
  return { json: timeline, text: timeline.explanation.join('\n') }
}

const script = { name: 'jobs', commands: COMMANDS, overHttp: jobsOverHttp, inStores: jobsInDatabase }
process.exitCode = await runCommand(script, process.argv.slice(2))
