import { describeObjectStore } from '../../contracts/object-store.ts'
import { createFakeObjectStore } from '../../fakes/fake-object-store.ts'

describeObjectStore('objects in memory', async () => {
  const store = createFakeObjectStore()
  return {
    store,
    typeOf: async (key) => store.objects.get(key)?.contentType,
    openUploads: async () => [],
    close: async () => {},
  }
})
