/** The entry points of the package, by their source. */
export const entries = [
  'src/index.ts',
  'src/react/index.ts',
  'src/react/ui/index.ts',
  'src/polling.ts',
  'src/sharing/index.ts',
  'src/server/index.ts',
  'src/testing/index.ts',
  'src/presets.ts',
  'src/compat/trips.ts',
  'src/compat/cockpit/index.ts',
  'src/compat/cockpit/ConnectionStatus.ts',
  'src/compat/cockpit/DashboardWithSSE.ts',
  'src/compat/rental/index.ts',
  'src/compat/parking.ts',
  'src/compat/crowd/index.ts',
];
