export { FreshetProvider, useFreshet, type FreshetProviderProps } from './provider.js';
export { useConnection, useConnectionState, useEvent, useEventHistory, usePublish, useLatest } from './hooks.js';
export { useSubscription, type UseSubscriptionOptions } from './subscription.js';
export { useLiveQuery, type LiveQuery, type LiveQueryOptions } from './live-query.js';
export { useToasts, type Toast, type UseToastsOptions } from './toasts.js';
export { retain } from './retain.js';
