import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import type { StoredObject } from '../ports/object-store.ts'
import { toStorageError } from './storage-errors.ts'

/** S3 answers at most this many at once. */
const PAGE = 1000

/** The objects whose keys begin with `prefix`, those after `after`, at most `limit`. */
export async function listObjects(
  s3: S3Client,
  bucket: string,
  prefix: string,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<StoredObject[]> {
  const found: StoredObject[] = []
  let from = after
  while (found.length < limit) {
    const MaxKeys = Math.min(PAGE, limit - found.length)
    const StartAfter = from === undefined ? {} : { StartAfter: from }
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys, ...StartAfter })
    const { Contents = [], IsTruncated } = await s3.send(command).catch((error) => {
      throw toStorageError(error)
    })
    for (const { Key, Size = 0, LastModified } of Contents) {
      if (Key !== undefined) found.push({ key: Key, sizeBytes: Size, modifiedAt: LastModified ?? new Date(0) })
    }
    from = found.at(-1)?.key
    if (IsTruncated !== true || Contents.length === 0) break
  }
  return found
}
