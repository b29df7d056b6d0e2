export {
  createPublisher, type Publication, type Published, type Publisher, type PublisherOptions, type Stats,
} from './publisher';
export {
  broadcastDashboardUpdate, broadcastEvidenceUpdate, broadcastReportUpdate, configure, createCustomEvent, getSSEManager,
  sseManager, SSEEvents, PARKING_CHANNEL, RENTAL_CHANNEL,
} from './managers';
export type { SSEEventType } from './rental';
export { FreshetError, FreshetHttpError, FreshetAuthError } from '../errors';
