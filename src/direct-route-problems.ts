/** What is wrong with the variables of the direct route, taken together. */
import { problemsOfAddresses } from './domain/address-list.ts'

interface DirectRouteVariables {
  readonly analysisServerUrl?: unknown
  readonly webhookUrl?: unknown
  readonly webhookSecret?: unknown
  readonly webhookAllowUnsignedFrom?: unknown
}

/** A sentence each, which begins with the names of the variables. */
export function problemsOfDirectRoute(variables: DirectRouteVariables): string[] {
  const { analysisServerUrl, webhookUrl, webhookSecret, webhookAllowUnsignedFrom } = variables
  const problems: string[] = []
  if ((analysisServerUrl === undefined) !== (webhookUrl === undefined)) {
    problems.push('ANALYSIS_SERVER_URL and WEBHOOK_URL: one is set without the other')
  } else if (analysisServerUrl !== undefined && webhookSecret === undefined && webhookAllowUnsignedFrom === undefined) {
    problems.push(
      'ANALYSIS_SERVER_URL is set, and no answer of that server would be let in: set WEBHOOK_SECRET, or WEBHOOK_ALLOW_UNSIGNED_FROM',
    )
  }
  for (const [name, url] of Object.entries({ ANALYSIS_SERVER_URL: analysisServerUrl, WEBHOOK_URL: webhookUrl })) {
    if (url !== undefined && !URL.canParse(String(url))) problems.push(`${name}: is not a URL`)
  }
  if (webhookUrl !== undefined && /[?#]/.test(String(webhookUrl))) {
    problems.push('WEBHOOK_URL: is a base, without ? and #')
  }
  const wrong = problemsOfAddresses(webhookAllowUnsignedFrom as string | undefined)
  if (wrong.length > 0) {
    problems.push(
      `WEBHOOK_ALLOW_UNSIGNED_FROM: ${wrong.join(', ')} is no IP address and no network such as 10.1.0.0/16`,
    )
  }
  return problems
}
