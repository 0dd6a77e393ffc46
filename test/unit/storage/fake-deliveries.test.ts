import { describeDeliveryStore } from '../../contracts/delivery-store.ts'
import { describeOwnerSecretStore } from '../../contracts/owner-secret-store.ts'
import { createFakeDeliveryStore, tellingEnds } from '../../fakes/fake-delivery-store.ts'
import { createFakeJobStore } from '../../fakes/fake-job-store.ts'
import { createFakeOwnerSecretStore } from '../../fakes/fake-owner-secret-store.ts'

describeDeliveryStore('deliveries in memory', async () => {
  const deliveries = createFakeDeliveryStore()
  const jobs = tellingEnds(createFakeJobStore(), deliveries)
  return { deliveries, jobs, age: deliveries.age, close: async () => {} }
})

describeOwnerSecretStore('callback secrets in memory', async () => {
  const store = createFakeOwnerSecretStore()
  return { store, age: store.age, close: async () => {} }
})
