import { after } from 'node:test'
import { type Browser, chromium } from 'playwright-core'
import { findProgram } from '../../src/embedded/find-program.ts'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].map(findProgram).find((path) => path)

/** For a test's `skip` option: false, or why there is no browser. */
export const NO_BROWSER: string | false = executablePath === undefined && 'there is no Chromium on this machine'

/** The system's own browser, without a window; ends with the test. To be called only when `NO_BROWSER` is false. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: executablePath ?? '', args: ['--no-sandbox'] })
  after(() => browser.close())
  return browser
}
