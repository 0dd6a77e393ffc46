/** Uploads that go from the client straight to S3: how each was announced, and its id at S3 when it comes in parts. */
import { type Kysely, sql } from 'kysely'

const STATEMENTS = [
  `alter table jobs
    add column upload_method text check (upload_method in ('put', 'parts')),
    add column upload_id text,
    add column declared_size_bytes bigint check (declared_size_bytes > 0),
    add column declared_sha256 text check (declared_sha256 ~ '^[0-9a-f]{64}$'),
    add constraint jobs_upload_announced check ((upload_method is null) = (declared_size_bytes is null)),
    add constraint jobs_upload_id check (upload_id is null or upload_method = 'parts')`,
  `comment on column jobs.upload_method is 'Null: the recording came through the API'`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
}
