import { buildConnector } from 'undici';
import type { Clock } from '../clock.js';
import type { DestroyReason } from '../observed.js';
import type { Origin } from './origin.js';

/** undici's own way to make a connection, with the time it takes and the end of the socket told to `origin`. */
export function countingConnector(
  options: buildConnector.BuildOptions,
  origin: Origin,
  clock: Clock,
): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, callback) => {
    const since = clock.now();
    origin.connecting++;
    connect(target, (...result) => {
      origin.connecting--;
      const socket = result[1];
      if (socket !== null && result[0] === null) {
        origin.connected(clock.now() - since);
        let error: unknown;
        socket.once('error', (reason) => {
          error = reason;
        });
        socket.once('close', () => origin.disconnected(reasonOf(error)));
      }
      callback(...result);
    });
  };
}

function reasonOf(error: unknown): DestroyReason {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (code === 'UND_ERR_INFO' && message === 'socket idle timeout') return 'idle';
  if (code === 'UND_ERR_INFO') return 'discarded';
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return 'closed';
  return 'lost';
}
