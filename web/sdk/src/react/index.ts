export { FreshetProvider, useFreshet, type FreshetProviderProps } from './provider';
export { useConnection, useConnectionState, useEvent, useEventHistory, usePublish, useLatest } from './hooks';
export { useSubscription, type UseSubscriptionOptions } from './subscription';
export { useLiveQuery, type LiveQuery, type LiveQueryOptions } from './live-query';
export { useToasts, type Toast, type UseToastsOptions } from './toasts';
export { retain } from './retain';
