import { describeDeadLetterStore } from '../../contracts/dead-letter-store.ts'
import { createFakeDeadLetterStore } from '../../fakes/fake-dead-letter-store.ts'

describeDeadLetterStore('dead letters in memory', async () => {
  const deadLetters = createFakeDeadLetterStore()
  return { deadLetters, age: deadLetters.age, close: async () => {} }
})
