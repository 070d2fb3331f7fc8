/** What is to be done before the process ends, by whichever hierarchies asked for it. */
const tasks = new Set<() => Promise<unknown>>();
let underWay = false;

/**
 * Has `task` done when the process is told to end (SIGTERM). All tasks share one listener; when all are done, and nobody else listens
 * for the signal, it is sent again, so that the process ends as it would have without us.
 *
 * @returns how to take that back. With the last task, the listener goes as well.
 */
export function beforeSigterm(task: () => Promise<unknown>): () => void {
  // First of all: a listener of the service's own may close the hierarchy at once.
  if (tasks.size === 0) process.prependListener('SIGTERM', onSigterm);
  tasks.add(task);
  return () => {
    if (tasks.delete(task) && tasks.size === 0 && !underWay) process.off('SIGTERM', onSigterm);
  };
}

function onSigterm(): void {
  if (underWay) return;
  underWay = true;
  Promise.allSettled([...tasks].map((task) => task())).then(() => {
    underWay = false;
    const isOurs = process.listenerCount('SIGTERM') === 1;
    if (isOurs || tasks.size === 0) process.off('SIGTERM', onSigterm);
    // Else others have begun their own way to end, which is to go on.
    if (isOurs) process.kill(process.pid, 'SIGTERM');
  });
}
