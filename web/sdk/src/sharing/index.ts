export { tabs, type TabsOptions } from './tabs';
export type { Share, ShareRequest } from './share';
