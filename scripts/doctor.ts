/**
 * `npm run doctor [-- --strict]`: looks at the deployment that the environment describes and prints a line per finding:
 * its level, where, what was seen, and what to do. Exit code 1 with a fault (with `--strict` also with a warning), else
 * 0. It changes nothing but one probe object, which it deletes, and prints no secret. A check that is not answered ends
 * after `TIMEOUT_MS`.
 */
import { tmpdir } from 'node:os'
import { checkApi } from './doctor/api.ts'
import { type Check, type Report, runChecks } from './doctor/check.ts'
import { readConfiguration } from './doctor/configuration.ts'
import { checkDirectRoute } from './doctor/direct-route.ts'
import { checkJobs } from './doctor/jobs.ts'
import { checkDisks, checkFfmpeg } from './doctor/machine.ts'
import { checkPostgres } from './doctor/postgresql.ts'
import { checkRedis } from './doctor/redis.ts'
import { checkS3 } from './doctor/s3.ts'
import { createRedactor } from './doctor/secrets.ts'
import { checkSqs } from './doctor/sqs.ts'

const TIMEOUT_MS = 15_000

const redact = createRedactor(process.env)
const reports = await runChecks(checksOf(process.env), TIMEOUT_MS)
for (const report of reports) console.log(redact(toLine(report)))
const count = (level: Report['level']) => reports.filter((report) => report.level === level).length
const [faults, warnings] = [count('fault'), count('warning')]
console.log(faults + warnings === 0 ? 'All is well.' : `Faults: ${faults}. Warnings: ${warnings}.`)
// What hangs must not hold the process.
process.exit(faults > 0 || (warnings > 0 && process.argv.includes('--strict')) ? 1 : 0)

function checksOf(env: NodeJS.ProcessEnv): Check[] {
  const { config, check: configuration } = readConfiguration(env)
  const { databaseUrl, redisUrl, databasePool: poolSize, dataDir, metricsToken } = config
  const { TONEWIRE_URL: url, TONEWIRE_KEY: key, PATH = '' } = env
  const directRoute = checkDirectRoute(config)
  return [
    configuration,
    ...(databaseUrl === undefined
      ? []
      : [checkPostgres({ url: databaseUrl, poolSize }), checkJobs(databaseUrl, config)]),
    ...(redisUrl === undefined ? [] : [checkRedis(redisUrl)]),
    checkSqs(config),
    checkS3(config),
    ...(directRoute === undefined ? [] : [directRoute]),
    checkFfmpeg(PATH),
    checkDisks({ dataDir, tmpDir: tmpdir() }),
    ...(url === undefined ? [] : [checkApi({ url, key, metricsToken })]),
  ]
}

function toLine({ level, name, seen, mend }: Report): string {
  return `${level.padEnd(7)} ${name.padEnd(13)} ${seen}${mend === undefined ? '' : `  → ${mend}`}`
}
