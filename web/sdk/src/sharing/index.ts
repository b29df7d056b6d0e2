export { tabs, type TabsOptions } from './tabs.js';
export type { Share, ShareRequest } from './share.js';
