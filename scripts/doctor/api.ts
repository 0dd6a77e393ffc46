/** The running API, when TONEWIRE_URL says where it is. */
import { type Check, type Finding, fault, info, ok, warning } from './check.ts'

export interface ApiTarget {
  readonly url: string
  /** Of an admin: for the dead letters. */
  readonly key: string | undefined
  readonly metricsToken: string | undefined
}

/** Above this the oldest job in one status is worth a look. */
const OLD_JOB_S = 900

export function checkApi(target: ApiTarget): Check {
  return {
    name: 'api',
    async run(signal) {
      const ask = (path: string, token?: string) =>
        fetch(`${target.url.replace(/\/+$/, '')}${path}`, {
          signal,
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        })
      return [
        await checkReady(await ask('/readyz')),
        ...checkFigures(await ask('/metrics', target.metricsToken).then(textOf)),
        ...(target.key === undefined
          ? []
          : await checkLetters(await ask('/v1/admin/dead-letters?state=open&limit=1', target.key))),
      ]
    },
    mendOf: () => 'start npm run api, or mend TONEWIRE_URL',
  }
}

async function checkReady(response: Response): Promise<Finding> {
  const body = (await response.json().catch(() => undefined)) as { status?: string; detail?: string } | undefined
  if (response.ok && body?.status === 'ok') return ok('ready')
  if (body?.detail === undefined)
    return fault(`/readyz answers ${response.status}`, 'is TONEWIRE_URL the address of Tonewire?')
  return fault(`not ready: ${body.detail}`, 'mend that; it becomes ready by itself')
}

async function textOf(response: Response): Promise<string | undefined> {
  const text = await response.text()
  return response.ok ? text : undefined
}

function checkFigures(text: string | undefined): Finding[] {
  if (text === undefined) return [info('its figures are not for us: set METRICS_TOKEN to read them')]
  const down = valuesOf(text, 'tonewire_dependency_up').filter(({ value }) => value === 0)
  const oldest = valuesOf(text, 'tonewire_jobs_oldest_age_seconds').sort((a, b) => b.value - a.value)[0]
  const found: Finding[] = down.map(({ label }) =>
    fault(`it does not reach its ${label}`, 'see what is said of it here'),
  )
  if (oldest === undefined) return found
  const seen = `the oldest unfinished job is ${oldest.label} for ${Math.round(oldest.value)} s`
  return [...found, oldest.value > OLD_JOB_S ? warning(seen, 'see what is said of jobs') : ok(seen)]
}

function valuesOf(text: string, name: string): { label: string; value: number }[] {
  const lines = text.matchAll(new RegExp(`^${name}\\{\\w+="([^"]*)"\\} (\\S+)$`, 'gm'))
  return [...lines].map(([, label = '', value]) => ({ label, value: Number(value) }))
}

async function checkLetters(response: Response): Promise<Finding[]> {
  const body = (await response.json().catch(() => undefined)) as Record<string, unknown> | undefined
  if (response.status === 404) return [info('this release has no list of dead letters')]
  if (!response.ok)
    return [warning(`the dead letters cannot be read: ${response.status}`, 'set TONEWIRE_KEY to the key of an admin')]
  const isOpen = Object.values(body ?? {}).some((value) => Array.isArray(value) && value.length > 0)
  return isOpen ? [warning('there are open dead letters', 'npm run dead-letters -- list')] : [ok('no open dead letter')]
}
