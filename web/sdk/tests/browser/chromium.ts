import { chromium, type Browser } from 'playwright-core';

/** The system's Chromium; `CHROMIUM` names another. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking'],
  });
