import { describeCutoverNews } from '../../contracts/cutover-news.ts'
import { createFakeCutoverNews } from '../../fakes/fake-cutover-news.ts'

describeCutoverNews('news of the cutover flag in memory', async () => {
  const news = createFakeCutoverNews()
  return {
    here: news,
    there: news,
    stop: async () => news.setDown(true),
    start: async () => news.setDown(false),
    close: async () => {},
  }
})
