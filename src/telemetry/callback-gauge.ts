import type { DeliveryStore } from '../ports/deliveries.ts'
import type { GaugeSource } from './metrics.ts'

/** How long the oldest notification has been waiting to be delivered. */
export function callbackGauge(deliveries: Pick<DeliveryStore, 'oldestPendingAgeS'>): GaugeSource {
  return {
    name: 'callbacks_oldest_pending_age_seconds',
    help: 'Time since the event of the oldest callback not delivered yet; 0 when there is none',
    labels: [],
    read: async () => [{ labels: {}, value: (await deliveries.oldestPendingAgeS()) ?? 0 }],
  }
}
