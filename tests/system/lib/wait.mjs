// Waiting for a thing instead of for a time.

// Asks until look() gives something true; looks again every few milliseconds.
export async function until(look, what, ms = 10000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}
