import { describeDirectUploads } from '../../contracts/direct-uploads.ts'
import { describeUploadFacts } from '../../contracts/upload-facts.ts'
import { createFakeDirectUploads } from '../../fakes/fake-direct-uploads.ts'
import { createFakeJobStore } from '../../fakes/fake-job-store.ts'
import { createFakeObjectStore } from '../../fakes/fake-object-store.ts'

describeDirectUploads('the fake direct uploads', async () => {
  const objects = createFakeObjectStore()
  const uploads = createFakeDirectUploads(objects)
  return { uploads, objects, send: uploads.send, close: async () => {} }
})

describeUploadFacts('the fake facts of uploads', () => {
  const jobs = createFakeJobStore()
  return { jobs, facts: jobs.uploadFacts }
})
