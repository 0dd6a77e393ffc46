import { describeJobStore } from '../../contracts/job-store.ts'
import { describeKeyStore } from '../../contracts/key-store.ts'
import { createFakeJobStore } from '../../fakes/fake-job-store.ts'
import { createFakeKeyStore } from '../../fakes/fake-key-store.ts'

describeJobStore('jobs in memory', async () => {
  const store = createFakeJobStore()
  return { store, age: store.age, close: async () => {} }
})

describeKeyStore('API keys in memory', async () => ({ store: createFakeKeyStore(), close: async () => {} }))
