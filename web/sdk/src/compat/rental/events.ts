import { createClient, type Client } from '../../client.js';
import { rentalPreset } from '../../presets.js';
import type { ClientOptions } from '../../options.js';
import type { EventMap } from '../../types.js';
import { makeEvents, type CreateEvent, type SSEEventType } from '../../server/rental.js';
import { sharedClient } from '../shared.js';

export type { SSEEventType } from '../../server/rental.js';

/** The connection that all of the rental names share. */
export const rentalClient = (maxEvents = 100, more: Partial<ClientOptions> = {}): Client<EventMap> =>
  sharedClient(`rental ${maxEvents}`, () => ({ ...rentalPreset, history: { maxEvents }, ...more }));

let publisher: Client<EventMap> | null = null;

/** Broadcasts one event to everybody, over `POST /api/sse`. */
export const createCustomEvent: CreateEvent = (type, data) =>
  (publisher ??= createClient<EventMap>(rentalPreset)).publish(type, data);

/** One function for each of the documented events. */
export const SSEEvents = makeEvents(createCustomEvent);

export const SSE_EVENT_TYPES: readonly SSEEventType[] = [
  'rental_status_updated', 'payment_received', 'maintenance_required', 'rental_overdue', 'equipment_location_updated',
  'timesheet_updated', 'payroll_processed', 'leave_request_updated', 'system_notification', 'sync_progress',
];
