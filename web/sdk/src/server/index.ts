export {
  createPublisher, type Publication, type Published, type Publisher, type PublisherOptions, type Stats,
} from './publisher.js';
export {
  broadcastDashboardUpdate, broadcastEvidenceUpdate, broadcastReportUpdate, configure, createCustomEvent, getSSEManager,
  sseManager, SSEEvents, PARKING_CHANNEL, RENTAL_CHANNEL,
} from './managers.js';
export type { SSEEventType } from './rental.js';
export { FreshetError, FreshetHttpError, FreshetAuthError } from '../errors.js';
