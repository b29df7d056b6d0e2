/** The managers of the documents, over HTTP: the hub holds the connections, so none are added here. */
import type { Alert, CapacityUpdate, Violation } from '../compat/parking.js';
import { createPublisher, type Publication, type Published, type Publisher, type PublisherOptions, type Stats } from './publisher.js';
import { makeEvents, type CreateEvent } from './rental.js';

let publisher: Publisher = createPublisher();

/** Says where the hub is, for everything in this module. Default: the environment. */
export function configure(options: PublisherOptions): void {
  publisher = createPublisher(options);
}

/** A failure that nobody waits for is reported, and never ends the process. */
function spoken<T>(promise: Promise<T>): Promise<T> {
  promise.catch((error) => publisher.report(error));
  return promise;
}

const send = (event: Publication): Promise<Published> => spoken(publisher.publish(event));

let lastStats: Stats = {
  totalConnections: 0, connectionsByTenant: {}, connectionsByCompany: {}, connectionsByChannel: {}, connectionsByTransport: {}, historySize: 0,
};

/** The cockpit's manager. */
export const sseManager = {
  /** Publishes to a company's channel. */
  broadcast: (companyId: string, channel: string, type: string, data: unknown): Promise<Published> =>
    send({ tenant: companyId, channel, type, data }),
  /** Ends a connection. */
  removeConnection: (connectionId: string): Promise<void> => spoken(publisher.disconnect(connectionId)),
  /** The figures of the last answer at once, all 0 before the first; awaited, the present ones. */
  getStats(): Stats & Promise<Stats> {
    const fresh = spoken(publisher.stats().then((stats) => (lastStats = stats)));
    return Object.assign(fresh, lastStats);
  },
};

export const broadcastDashboardUpdate = (companyId: string, data: unknown) =>
  sseManager.broadcast(companyId, 'dashboard-updates', 'dashboard-update', data);

export const broadcastEvidenceUpdate = (companyId: string, data: unknown, type: 'evidence-update' | 'evidence-deleted' = 'evidence-update') =>
  sseManager.broadcast(companyId, 'evidence-updates', type, data);

export const broadcastReportUpdate = (companyId: string, data: unknown, type: 'report-ready' | 'report-failed' = 'report-ready') =>
  sseManager.broadcast(companyId, 'report-updates', type, data);

/** Where the car park's events go. */
export const PARKING_CHANNEL = 'dashboard';

const parking = {
  broadcast: ({ type, data, key }: { type: string; data: unknown; key?: string }): Promise<Published> =>
    send({ channel: PARKING_CHANNEL, type, data, ...(key !== undefined && { key }) }),
  broadcastCapacityUpdate: (data: CapacityUpdate) => parking.broadcast({ type: 'capacity_update', data }),
  broadcastAlert: (data: Alert) => parking.broadcast({ type: 'alert', data }),
  broadcastViolation: (data: Violation) => parking.broadcast({ type: 'violation', data }),
  getStats: () => sseManager.getStats(),
  removeClient: (id: string) => sseManager.removeConnection(id),
};

/** The car park's manager: always the same one. */
export const getSSEManager = () => parking;

/** Where the rental company's events go. */
export const RENTAL_CHANNEL = 'events';

export const createCustomEvent: CreateEvent = (type, data) =>
  spoken(publisher.publish({ channel: RENTAL_CHANNEL, type, data }).then(({ id }) => id));

/** One function for each of the rental company's events. */
export const SSEEvents = makeEvents(createCustomEvent);
