// What the scripts beside this one share: a line of output for each operation that
// went well, read by the tests in Go, and the local cloud's variables.
import assert from 'node:assert/strict';

export { assert };

export const env = process.env;

// row runs one operation and prints its name once it has held.
export async function row(name, run) {
  try {
    await run();
  } catch (err) {
    // Without the address: it is signed.
    throw new Error(`${name}: ${err instanceof Error ? err.message.split(', URL:')[0] : JSON.stringify(err)}`);
  }
  console.log(`ok\t${name}`);
}

// refused runs what has to be refused, with an error that fits.
export async function refused(name, fits, run) {
  await row(name, () => assert.rejects(run, fits));
}
