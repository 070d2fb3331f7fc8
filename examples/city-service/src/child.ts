/** The side of a child process: it is told what to do once, answers once, and ends when it is told to or its parent is gone. */

/** What a child sends when it is ready. */
export interface Ready {
  /** Where it listens. */
  readonly origin: string;
  /** Where it serves its metrics, if it does. */
  readonly metrics?: string | undefined;
}

/**
 * Runs a child process.
 *
 * @param start - begins the work; gives what the parent needs to know, and how to end it
 */
export function runChild<Instructions>(
  start: (instructions: Instructions) => Promise<{ readonly ready: Ready; readonly stop: () => Promise<void> }>,
): void {
  let stopping = false;
  let stop = async () => {};
  const end = async () => {
    if (stopping) return;
    stopping = true;
    await stop();
    process.exit();
  };
  // Ctrl-C reaches every process of the terminal, but it is the parent who decides about the end.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('disconnect', end);
  process.once('message', async (instructions: Instructions) => {
    try {
      const started = await start(instructions);
      stop = started.stop;
      if (process.connected) process.send?.(started.ready);
      else await end();
    } catch (error) {
      console.error(error);
      process.exit(1);
    }
  });
}
