export { tabs, type TabsOptions } from './tabs.js';
export type { Share } from './share.js';
export type { EngineParts as ShareRequest } from '../engine.js';
