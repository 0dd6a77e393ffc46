import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CutoverNews } from '../../src/ports/cutover.ts'
import { createArrivals } from './arrivals.ts'

export interface OpenCutoverNews {
  /** Of two processes. */
  readonly here: CutoverNews
  readonly there: CutoverNews
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** What all news of the cutover flag promises. */
export function describeCutoverNews(
  name: string,
  open: () => Promise<OpenCutoverNews>,
  options: { skip?: string | false } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    let opened: OpenCutoverNews
    before(async () => {
      opened = await open()
    })
    after(() => opened.close())

    function hear(news: CutoverNews) {
      const heard = createArrivals<number | 'hears'>()
      const stop = news.listen((version) => heard.add(version ?? 'hears'))
      return { heard, stop }
    }

    test('a change is heard by every process, the one that tells it included, after they begin to hear', async () => {
      const [one, other] = [hear(opened.here), hear(opened.there)]
      for (const { heard } of [one, other]) await heard.until(1)
      await opened.here.tell(7)
      await opened.there.tell(8)
      for (const { heard, stop } of [one, other]) {
        assert.deepEqual(await heard.until(3), ['hears', 7, 8])
        stop()
      }
    })

    test('whoever stopped listening hears nothing more, and the others still do', async () => {
      const [gone, stays] = [hear(opened.here), hear(opened.here)]
      await Promise.all([gone, stays].map(({ heard }) => heard.until(1)))
      gone.stop()
      await opened.there.tell(9)
      assert.deepEqual(await stays.heard.until(2), ['hears', 9])
      assert.deepEqual(gone.heard.items, ['hears'])
      stays.stop()
    })

    test('while it is away nothing can be told; when it is back listeners are called, and hear again', async () => {
      const { heard, stop } = hear(opened.there)
      const begun = () => heard.items.filter((item) => item === 'hears').length
      await heard.until(() => begun() === 1)
      await opened.stop()
      await assert.rejects(opened.here.tell(10), { code: 'progress-unavailable' })
      await opened.start()
      await heard.until(() => begun() === 2)
      await told(opened.here, 11)
      await heard.until((item) => item === 11)
      assert.equal(heard.items.includes(10), false)
      stop()
    })
  })
}

/** The teller’s own connection comes back in its own time. */
async function told(news: CutoverNews, version: number): Promise<void> {
  for (;;) {
    try {
      return await news.tell(version)
    } catch {
      await new Promise(setImmediate)
    }
  }
}
