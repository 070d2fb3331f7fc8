import { Missing, type Way } from './way.js';

/** The server that `REDIS_URL` names. It is the user's: nothing is started, nothing is stopped. */
export const givenUrl: Way = async () => {
  const url = process.env['REDIS_URL'];
  return url ? { url, origin: 'REDIS_URL', stop: async () => {} } : new Missing('REDIS_URL is not set');
};
