import { PoolError } from '../errors.js';

/** The origin's circuit breaker is open: nothing was sent. */
export class BreakerOpenError extends PoolError {
  readonly origin: string;

  constructor(pool: string, origin: string) {
    super('ERR_TIERWISE_POOL_BREAKER_OPEN', pool, `${origin} has failed too often: nothing is sent to it for a while`);
    this.origin = origin;
  }
}
