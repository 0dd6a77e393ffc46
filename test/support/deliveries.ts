import { sql } from 'kysely'
import type { Database } from '../../src/storage/database.ts'
import { createDeliveryStore } from '../../src/storage/delivery-store.ts'
import { createJobStore } from '../../src/storage/job-store.ts'
import { createOwnerSecretStore } from '../../src/storage/owner-secret-store.ts'
import type { OpenDeliveryStore } from '../contracts/delivery-store.ts'
import type { OpenOwnerSecretStore } from '../contracts/owner-secret-store.ts'

export function openDeliveryStore(db: Database): OpenDeliveryStore {
  return {
    deliveries: createDeliveryStore(db),
    jobs: createJobStore(db),
    age: (deliveryId, seconds) => ageDelivery(db, deliveryId, seconds),
    close: async () => {},
  }
}

export function openOwnerSecretStore(db: Database): OpenOwnerSecretStore {
  const age = async (owner: string, seconds: number) => {
    await sql`update owner_secrets set previous_until = previous_until - ${interval(seconds)}
      where owner = ${owner}`.execute(db)
  }
  return { store: createOwnerSecretStore(db), age, close: async () => {} }
}

/** As if everything about the delivery had happened this much earlier. */
export async function ageDelivery(db: Database, deliveryId: string, seconds: number): Promise<void> {
  const by = interval(seconds)
  await sql`
    update callback_deliveries set
      created_at = created_at - ${by},
      next_try_at = next_try_at - ${by},
      give_up_at = give_up_at - ${by},
      leased_until = leased_until - ${by}
    where delivery_id = ${deliveryId}
  `.execute(db)
}

function interval(seconds: number) {
  return sql`make_interval(secs => ${seconds}::double precision)`
}
