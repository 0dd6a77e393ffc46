/** The direct route, both ways: the analysis server is there, and its answers would be let in where it sends them. */
import type { Config } from '../../src/config.ts'
import { signBody } from '../../src/domain/callback.ts'
import { createUuidV7 } from '../../src/domain/ids.ts'
import { type Check, explain, type Finding, fault, ok, warning } from './check.ts'

type DirectRoute = Pick<Config, 'webhookSecret'> & { readonly analysisServerUrl: string; readonly webhookUrl: string }

/** Undefined where there is no direct route, or only half of one, which the configuration's check says. */
export function checkDirectRoute({ analysisServerUrl, webhookUrl, webhookSecret }: Config): Check | undefined {
  if (analysisServerUrl === undefined || webhookUrl === undefined) return undefined
  const route = { analysisServerUrl, webhookUrl, ...(webhookSecret === undefined ? {} : { webhookSecret }) }
  return {
    name: 'direct route',
    run: async (signal) => Promise.all([checkServer(route, signal), checkWebhook(route, signal)]),
    mendOf: () => 'mend ANALYSIS_SERVER_URL and WEBHOOK_URL, or the way to there',
  }
}

/** Any answer tells that it is there: nothing is ordered, so what it says to a GET means nothing. */
async function checkServer({ analysisServerUrl }: DirectRoute, signal: AbortSignal): Promise<Finding> {
  const mend = 'start it (npm run analysis-server is one), or mend ANALYSIS_SERVER_URL'
  try {
    const { status } = await fetch(analysisServerUrl, { signal, redirect: 'manual' })
    if (status >= 300 && status < 400)
      return fault(`the analysis server answers ${status}: orders do not follow redirects`, mend)
    if (status >= 500) return warning(`the analysis server answers ${status}`, 'see its log')
    return ok('the analysis server answers')
  } catch (error) {
    return fault(`the analysis server cannot be reached: ${explain(error)}`, mend)
  }
}

/** An answer for a job that there is not, signed as the analysis server does: let in, it is told so. */
async function checkWebhook({ webhookUrl, webhookSecret }: DirectRoute, signal: AbortSignal): Promise<Finding> {
  const jobId = createUuidV7(Date.now())
  const body = JSON.stringify({ version: 1, type: 'progress', job_id: jobId, attempt: 1, progress: 65 })
  const signature = webhookSecret && signBody([webhookSecret], Math.floor(Date.now() / 1000), body)
  const headers = { 'content-type': 'application/json', ...(signature && { 'x-signature': signature }) }
  const url = `${webhookUrl.replace(/\/+$/, '')}/webhooks/analysis?job_id=${jobId}`
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
    const { code, detail } = (await response.json().catch(() => ({}))) as { code?: string; detail?: string }
    if (code === 'job-not-found') return ok('answers are let in at WEBHOOK_URL')
    if (code === 'signature-invalid' && webhookSecret === undefined)
      return ok('WEBHOOK_URL is Tonewire; from here nothing is let in unsigned, as WEBHOOK_ALLOW_UNSIGNED_FROM says')
    if (code === 'signature-invalid')
      return fault(`answers are refused at WEBHOOK_URL: ${detail}`, 'give API and analysis server one WEBHOOK_SECRET')
    return fault(`WEBHOOK_URL answers ${response.status} ${code ?? ''}`, 'is it the address of Tonewire?')
  } catch (error) {
    return fault(`WEBHOOK_URL cannot be reached: ${explain(error)}`, 'mend WEBHOOK_URL, or the way to there')
  }
}
