import { describeCutoverStore } from '../../contracts/cutover-store.ts'
import { createFakeCutoverStore } from '../../fakes/fake-cutover-store.ts'

describeCutoverStore('the cutover flag in memory', async () => ({
  store: createFakeCutoverStore(),
  close: async () => {},
}))
