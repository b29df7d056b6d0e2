// The cockpit imports this one as a default
export { DashboardWithSSE as default, useDashboardUpdate, type DashboardUpdate, type DashboardWithSSEProps } from './dashboard.js';
