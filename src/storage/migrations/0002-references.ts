/**
 * Reference material of tokens. A job keeps the places it was made with: a reference replaced later is another object,
 * and does not change what a job under way is compared with.
 */
import { type Kysely, sql } from 'kysely'

const TOKEN_REFERENCES = `
  create table token_references (
    owner text not null check (octet_length(owner) between 1 and 64),
    token_id text not null check (octet_length(token_id) between 1 and 128),
    audio_key text check (octet_length(audio_key) between 1 and 1024),
    audio_sha256 text check (audio_sha256 ~ '^[0-9a-f]{64}$'),
    textgrid_key text check (octet_length(textgrid_key) between 1 and 1024),
    pitch_key text check (octet_length(pitch_key) between 1 and 1024),
    created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(),
    primary key (owner, token_id),
    constraint token_references_not_empty check (num_nonnulls(audio_key, textgrid_key, pitch_key) >= 1),
    constraint token_references_audio_is_whole check ((audio_key is null) = (audio_sha256 is null))
  )`

const JOB_REFERENCE = 'alter table jobs add column reference json'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [TOKEN_REFERENCES, JOB_REFERENCE]) await sql.raw(statement).execute(db)
}
