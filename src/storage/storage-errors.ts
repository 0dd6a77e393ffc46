import { NoSuchKey } from '@aws-sdk/client-s3'
import { AppError } from '../domain/errors.ts'

/** The error of an S3 call as its caller shall see it; whatever is wrong with the bucket, the store cannot be used. */
export function toStorageError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof NoSuchKey) {
    return new AppError('object-not-found', 'The stored object is gone', { cause: error })
  }
  return new AppError('storage-unavailable', 'The object store cannot be reached', { cause: error })
}
