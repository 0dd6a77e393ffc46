import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBareApp } from '../../scripts/docs/describe-api.ts'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'

test('the page at /docs shows every operation, asks nobody else and breaks none of its own rules', {
  skip: NO_BROWSER,
}, async () => {
  const app = await openBareApp()
  after(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const browser = await openBrowser()
  const page = await browser.newPage()
  const asked: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  const answer = await page.goto(`${url}/docs`)
  const policy = answer?.headers()['content-security-policy'] ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  await page.waitForSelector('#operations-jobs-createJob')
  const shown = await page.locator('.opblock').count()
  const { paths } = app.swagger() as { paths: Record<string, object> }
  assert.equal(shown, Object.values(paths).flatMap((item) => Object.keys(item)).length)
  await page.locator('#operations-jobs-createJob .opblock-summary-control').click()
  await page.waitForSelector('#operations-jobs-createJob .responses-table')
  assert.deepEqual(
    asked.filter((each) => !each.startsWith(url) && !each.startsWith('data:')),
    [],
  )
  assert.deepEqual(complaints, [])
})
