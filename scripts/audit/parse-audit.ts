export interface AuditOutcome {
  readonly passed: boolean
  readonly sentence: string
}

interface Report {
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range?: string }>>
  readonly error?: { readonly summary?: string; readonly detail?: string }
  readonly message?: string
}

const FAILING = new Set(['high', 'critical'])

/**
 * What `npm audit --json` says. Without its list of packages nothing was audited, which passes and says so.
 *
 * @param failure why npm ended otherwise than well, if it did
 */
export function parseAudit(output: string, failure: string | undefined): AuditOutcome {
  const report = parse(output)
  if (report?.vulnerabilities === undefined) {
    const reason = report?.error?.summary || report?.message || failure || 'npm gave no report'
    return { passed: true, sentence: `NOT AUDITED: the registry offers no audit here (${firstLine(reason)})` }
  }
  const found = Object.entries(report.vulnerabilities).filter(([, { severity }]) => FAILING.has(severity))
  if (found.length === 0)
    return { passed: true, sentence: 'No known fault, high or critical, in what runs in production' }
  const lines = found.map(([name, { severity, range = '' }]) => `  ${severity}: ${name} ${range}`.trimEnd())
  return { passed: false, sentence: ['Known faults in what runs in production:', ...lines].join('\n') }
}

function parse(output: string): Report | undefined {
  try {
    const value: unknown = JSON.parse(output)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined // npm ended before its report: the caller is told that nothing was audited
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.slice(0, 200) ?? ''
}
